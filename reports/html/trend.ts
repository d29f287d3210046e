import type { Night, NightlyTrend, ScenarioTrend, TrendSeries } from '../../harness/model/trend.ts';
import { changesOf, dayOf, nightsSentence, trendAmount, trendCaveats, trendName } from '../trend.ts';
import { count, counted, probability, seconds } from '../words.ts';
import { cut, type Html, html } from './html.ts';
import { badge, page, section, table } from './page.ts';

/** Of a figure, in units of its own; the page scales it. */
const FIGURE = { height: 84, margin: 6, width: { finding: 640, measure: 320 } } as const;

const SHOWN = [
  ['findings', 'finding', 'Occurrences a minute of load, each night.'],
  ['measures', 'measure', 'Of the runs that count: the median, or what occurred a minute of load.'],
] as const;

/** `trend.html`: night by night what was found and measured, and where its level changed. */
export function trendHtml(trend: NightlyTrend): string {
  const changes = trend.scenarios.flatMap(changesOf).length;
  const [glance, word] = changes === 0 ? (['pass', 'unchanged'] as const) : (['unknown', 'changed'] as const);
  const found = changes === 0 ? 'no change of level' : counted(changes, 'change of level', 'changes of level');
  return page(`Trend: ${found}`, [
    html`<header>
<div class="hero ${glance}">
<p class="eyebrow">${trend.scenarios.map((one) => `${one.scenario}: ${nightsSentence(one)}`).join(' · ')}</p>
<h1><span class="badge ${glance}">${word}</span>${found}</h1>
<p class="why">A level changed where the nights from then on differ from those before more than in random
orders (E‑divisive, p corrected for ${counted(trend.tested, 'tested series', 'tested series')}).</p>
</div>
</header>
`,
    html`<main>`,
    trend.scenarios.map((scenario, i) => scenarioSections(scenario, i)),
    trend.left_out.length === 0
      ? null
      : section('left-out', 'Left out', html`<ul>${trend.left_out.map((why) => html`<li>${cut(why, 400)}</li>`)}</ul>`),
    html`</main>`,
    html`<footer>windtunnel · how this is computed: docs/trend.md</footer>`,
  ]);
}

function scenarioSections(scenario: ScenarioTrend, index: number): Html {
  const name = cut(scenario.scenario, 120);
  const of = (kind: TrendSeries['kind']) => scenario.series.filter((series) => series.kind === kind);
  const figures = (kind: TrendSeries['kind']) => of(kind).map((series) => figure(series, scenario.nights));
  const shown = ([title, kind, note]: (typeof SHOWN)[number]) =>
    of(kind).length === 0
      ? null
      : section(
          `${title}-${index}`,
          `${name}: ${title}`,
          html`<div class="nights ${title}">${figures(kind)}</div>`,
          note,
        );
  return html`${changesSection(scenario, index)}
${SHOWN.map(shown)}
${section(`list-${index}`, `${name}: nights`, nightsTable(scenario))}`;
}

function changesSection(scenario: ScenarioTrend, index: number): Html {
  const rows = changesOf(scenario).map(({ series, change, day, verb, amounts, beside }) => [
    day,
    html`<strong>${cut(trendName(series), 200)}</strong> ${verb}`,
    amounts,
    probability(change.p_value),
    cut(beside, 400),
  ]);
  const columns = [
    { title: 'from night', narrow: true },
    { title: 'what' },
    { title: 'level', narrow: true },
    { title: 'p', numeric: true },
    { title: 'changed then' },
  ];
  const body =
    rows.length === 0
      ? html`<p>No change of level seen.</p>`
      : table('Changes of level', columns, rows, { prose: true });
  const caveats = trendCaveats(scenario).map((caveat) => html`<p class="note">${caveat}</p>`);
  return section(`changes-${index}`, `${cut(scenario.scenario, 120)}: what changed`, html`${body}${caveats}`);
}

function nightsTable({ nights }: ScenarioTrend): Html {
  return table(
    'Nights',
    [
      { title: 'night', narrow: true },
      { title: 'build' },
      { title: 'verdict', narrow: true },
      { title: 'runs that count', numeric: true },
      { title: 'load', numeric: true },
      { title: 'changed' },
    ],
    nights
      .toReversed()
      .map((night) => [
        dayOf(night),
        cut(night.build, 120),
        badge(night.verdict),
        `${count(night.valid)} of ${count(night.runs)}`,
        seconds(night.load_s),
        cut(night.changed.join(', '), 400),
      ]),
  );
}

/** One series: a point a night, the levels between its changes, and the nights on which the build changed. */
function figure(series: TrendSeries, nights: readonly Night[]): Html {
  const known = series.values.flatMap((value, night) => (value === null ? [] : [{ value, night }]));
  const values = known.map(({ value }) => value);
  const top = Math.max(...values, 0);
  const least = Math.min(...values, top);
  // From zero, unless that would hide what changes.
  const bottom = least > top / 2 ? least - (top - least) / 2 : 0;
  const { height, margin } = FIGURE;
  const width = FIGURE.width[series.kind];
  const x = (night: number) => round(margin + ((width - 2 * margin) * (night + 0.5)) / nights.length);
  const y = (value: number) =>
    round(
      top === bottom ? height - margin : height - margin - ((height - 2 * margin) * (value - bottom)) / (top - bottom),
    );
  const amount = (value: number) => trendAmount(series, value);
  const last = known.at(-1);
  const said = last === undefined ? 'not measured' : `${amount(last.value)} last`;
  const beside = series.tested === 'tested' ? nightsBetween(nights) : series.tested;
  const label = `${trendName(series)}: ${known.length} of ${nights.length} nights, ${said}`;
  const builds = nights.flatMap(({ changed }, night) =>
    changed.length === 0
      ? []
      : [
          html`<line class="build" x1="${x(night - 0.5)}" x2="${x(night - 0.5)}" y1="0" y2="${height}"><title>${cut(
            `${dayOf(nights[night] ?? { at: '' })}: ${changed.join(', ')}`,
            300,
          )}</title></line>`,
        ],
  );
  const points = known.map(
    ({ value, night }) =>
      html`<circle cx="${x(night)}" cy="${y(value)}" r="2.2"><title>${dayOf(nights[night] ?? { at: '' })}: ${amount(
        value,
      )}</title></circle>`,
  );
  return html`<figure>
<figcaption><b>${cut(trendName(series), 120)}</b><span>${said}</span></figcaption>
<svg role="img" aria-label="${cut(label, 300)}" viewBox="0 0 ${width} ${height}" preserveAspectRatio="none">
${builds}${levels(series, nights.length, x, y)}${points}
</svg>
<p class="scale"><span>${amount(bottom)} to ${amount(top)}</span><span>${beside}</span></p>
</figure>
`;
}

/** The median between two changes as a line, and each change as an upright one. */
function levels({ changes }: TrendSeries, nights: number, x: (night: number) => number, y: (value: number) => number) {
  const ends = changes.map(({ night }) => night);
  const lines = changes.flatMap(({ before, after, night }, i) => [
    ...(i === 0 ? [level(x(-0.5), x(night - 0.5), y(before))] : []),
    level(x(night - 0.5), x((ends[i + 1] ?? nights) - 0.5), y(after)),
  ]);
  const upright = changes.map(
    ({ night }) =>
      html`<line class="change" x1="${x(night - 0.5)}" x2="${x(night - 0.5)}" y1="0" y2="${FIGURE.height}"/>`,
  );
  return [...lines, ...upright];
}

function nightsBetween(nights: readonly Night[]): string {
  const [first, last] = [nights[0], nights.at(-1)];
  return first && last ? `${dayOf(first)} – ${dayOf(last)}` : '';
}

function level(from: number, to: number, height: number): Html {
  return html`<line class="level" x1="${from}" x2="${to}" y1="${height}" y2="${height}"/>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
