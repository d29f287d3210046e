import type {
  ComparedInvariant,
  ComparedRun,
  Comparison,
  ComparisonSide,
  CountDifference,
} from '../harness/model/comparison.ts';
import { intervalText, invariantPairs, ratioText, reportLink } from './compare-words.ts';
import { type Content, cut, type Html, html } from './html.ts';
import { badge, facts, page, section, table } from './page.ts';
import { count, percent, probability, seconds } from './words.ts';

/** `compare.html`, in the folder beside which the runs lie. */
export function comparisonHtml(comparison: Comparison, folder: string): string {
  const { a, b } = comparison;
  return page(`${comparison.decision}: ${cut(a.build, 60)} and ${cut(b.build, 60)}`, [
    hero(comparison),
    html`<main>`,
    promises(a, b),
    counts(comparison),
    runs(a, b, folder),
    html`</main>`,
    html`<footer>windtunnel · ${cut(a.scenario, 120)}</footer>`,
  ]);
}

function hero({ decision, verdict, sentence, caveats, a, b }: Comparison): Html {
  return html`<header>
<div class="hero ${verdict}">
<p class="eyebrow">${cut(a.scenario, 120)} · A ${cut(a.build, 120)} · B ${cut(b.build, 120)}</p>
<h1><span class="badge ${verdict}">${decision}</span>${cut(b.build, 120)}</h1>
<p class="why">${cut(sentence, 1200)}.</p>
</div>
${caveats.map((caveat) => html`<p class="note">${cut(caveat, 400)}</p>`)}
</header>
`;
}

function promises(a: ComparisonSide, b: ComparisonSide): Html {
  const rows = invariantPairs(a, b).map(({ name, a: before, b: after }) => [
    html`<strong>${cut(name, 120)}</strong><small>${cut((before ?? after)?.claim ?? '', 400)}</small>`,
    verdictCell('A', before),
    verdictCell('B', after),
  ]);
  const columns = [
    { title: 'promise' },
    { title: `A ${cut(a.build, 60)}`, narrow: true },
    { title: `B ${cut(b.build, 60)}`, narrow: true },
  ];
  return section('promises', 'Promises', table('Promises', columns, rows, { prose: true }));
}

/** The letter is for the narrow screen, where the columns' heads are out of sight. */
function verdictCell(letter: 'A' | 'B', invariant: ComparedInvariant | undefined): Html {
  if (!invariant) return html`<span class="letter">${letter} </span><span class="soft">not judged</span>`;
  const seen = invariant.verdict === 'fail' ? html` <span class="soft">× ${count(invariant.violations)}</span>` : null;
  return html`<span class="letter">${letter} </span>${badge(invariant.verdict)}${seen}`;
}

function counts({ tests, a, b }: Comparison): Html {
  const rows = tests.map((test) => [
    html`${cut(test.title, 120)}${test.decides ? null : html`<small>often the right answer; decides nothing</small>`}`,
    amount(test.a, test.a_exposure, test.exposure_unit),
    amount(test.b, test.b_exposure, test.exposure_unit),
    ratioText(test),
    intervalText(test),
    probability(test.p_adjusted),
    finding(test),
  ]);
  const columns = [
    { title: 'count' },
    { title: 'A', numeric: true },
    { title: 'B', numeric: true },
    { title: 'B : A', numeric: true },
    { title: '95 %', numeric: true },
    { title: 'p', numeric: true },
    { title: 'in B' },
  ];
  const untested = html`<p>No count was tested: one side has no run that can be believed.</p>`;
  const note =
    'Exact test of two Poisson rates (two-sided, twice the smaller tail), p after Holm’s correction; ' +
    'the interval of the ratio is exact and not corrected. ' +
    '“20 would show”: the smallest count of B that would have been told from A’s.';
  return section(
    'counts',
    'Counts',
    [
      facts(
        [
          [`A ${cut(a.build, 60)}`, html`${seconds(a.load_seconds)} <span class="soft">of load</span>`],
          [`B ${cut(b.build, 60)}`, html`${seconds(b.load_seconds)} <span class="soft">of load</span>`],
        ],
        'list',
      ),
      rows.length > 0 ? table('Counts', columns, rows) : untested,
    ],
    rows.length > 0 ? note : '',
  );
}

function amount(events: number, exposure: number, unit: CountDifference['exposure_unit']): Html {
  const out = unit === 's' ? `in ${seconds(exposure)}` : `of ${count(exposure)}`;
  return html`${count(events)} <span class="soft">${out}</span>`;
}

function finding({ better, decides, smallest_count_seen }: CountDifference): Content {
  if (better === 'b') return html`<span class="badge pass">fewer</span>`;
  if (better === 'a') return html`<span class="badge fail">more</span>`;
  if (!decides) return null;
  return html`<span class="soft nowrap">${count(smallest_count_seen)} would show</span>`;
}

function runs(a: ComparisonSide, b: ComparisonSide, folder: string): Html {
  const row = (letter: string, side: ComparisonSide, run: ComparedRun) => [
    html`<a href="${reportLink(folder, run.run)}">${letter} ${cut(side.build, 60)}, seed ${run.seed}</a>`,
    badge(run.verdict),
    seconds(run.load_seconds),
    count(run.counts.operations ?? 0),
    count(run.counts.http_409 ?? 0),
    count(run.counts.http_5xx ?? 0),
    count(run.counts.deadlocks ?? 0),
    run.first_violation_s === null ? '–' : seconds(run.first_violation_s),
  ];
  const titles = ['run', 'verdict', 'load', 'requests', '409', '5xx', 'deadlocks', 'first violation'];
  const columns = titles.map((title, index) => ({ title, numeric: index > 1 }));
  const rows = [...a.runs.map((run) => row('A', a, run)), ...b.runs.map((run) => row('B', b, run))];
  const share = Math.max(a.harness_cpu_share ?? -1, b.harness_cpu_share ?? -1);
  const cost =
    share < 0 ? 'The harness’s CPU was not sampled.' : `The harness used at most ${percent(share)} of the CPU.`;
  return section('runs', 'Runs', table('Runs', columns, rows), cost);
}
