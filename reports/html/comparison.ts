import type {
  Against,
  ComparedFinding,
  ComparedInvariant,
  Comparison,
  ComparisonSide,
} from '../../harness/model/comparison.ts';
import {
  correctedFor,
  type InvariantRow,
  invariantRows,
  knownOfSides,
  lettered,
  reportLink,
  worstBuilds,
} from '../comparison.ts';
import { type ComparisonRow, countRows, isCounted, measureRows } from '../comparison-rows.ts';
import { CONFLICTS_TITLE, comparedConflicts } from '../conflicts.ts';
import { count, counted, listed, percent, seconds, some } from '../words.ts';
import { type Content, cut, type Html, html } from './html.ts';
import { lanesTable } from './lanes.ts';
import { badge, page, section, table } from './page.ts';

/** `compare.html`, in the folder beside which the runs lie. */
export function comparisonHtml(comparison: Comparison, folder: string): string {
  const { a, pairs, decision } = comparison;
  const builds = lettered(comparison).map(({ side }) => cut(side.build, 60));
  return page(`${decision}: ${listed([...new Set(builds)])}`, [
    hero(comparison),
    html`<main>`,
    pairs.length > 1 ? matrix(comparison) : null,
    counts(comparison),
    measures(comparison),
    conflicts(comparison),
    invariants(comparison),
    pairs.map((pair) => findings(pair, pairs.length > 1)),
    runs(comparison, folder),
    html`</main>`,
    html`<footer>windtunnel · ${cut(a.scenario, 120)} · how this is computed: docs/comparing.md</footer>`,
  ]);
}

function hero(comparison: Comparison): Html {
  const { a, pairs, decision, verdict, caveats, sentence, looks } = comparison;
  const notes = [...knownOfSides(comparison), ...(looks === null ? [] : [looks.sentence]), ...caveats];
  const against = listed(worstBuilds(comparison));
  const names = pairs.map(({ letter, b }) => html` · ${letter} ${cut(b.build, 120)}`);
  const why =
    pairs.length === 1
      ? html`<p class="why">${cut(sentence, 1200)}.</p>`
      : pairs.map((pair) => html`<p class="why">${badgeOf(pair)} ${cut(pair.sentence, 1200)}.</p>`);
  return html`<header>
<div class="hero ${verdict}">
<p class="eyebrow">${cut(a.scenario, 120)} · A ${cut(a.build, 120)}${names}</p>
<h1><span class="badge ${verdict}">${decision}</span>${cut(against, 120)}</h1>
${why}
</div>
${notes.map((note) => html`<p class="note">${cut(note, 400)}</p>`)}
</header>
`;
}

function badgeOf({ verdict, decision }: Against): Html {
  return html`<span class="badge ${verdict}">${decision}</span>`;
}

/** All builds at a glance: what each violates, and how it compares with A. */
function matrix(comparison: Comparison): Html {
  const builds = lettered(comparison);
  const columns = [
    { title: '' },
    ...builds.map(({ letter, side }) => ({ title: `${letter} ${cut(side.build, 40)}`, narrow: true })),
  ];
  const decisions = [
    html`<strong>compared with A</strong>`,
    html`<span class="soft">the base</span>`,
    ...comparison.pairs.map(badgeOf),
  ];
  const differing = invariantRows(comparison)
    .filter(({ sides }) => new Set(sides.map((one) => one?.verdict ?? 'unknown')).size > 1)
    .map(({ name, sides }) => [
      html`${cut(name, 120)}`,
      ...sides.map((one, index) => verdictCell(builds[index]?.letter ?? '', one)),
    ]);
  return section(
    'builds',
    'Builds',
    table('Builds', columns, [decisions, ...differing], { prose: true }),
    'Invariants on which the builds differ; all of them are below.',
  );
}

function counts(comparison: Comparison): Html {
  const rows = countRows(comparison);
  const deciding = rows.filter((row) => row.decides && isCounted(row));
  const silent = rows.filter((row) => row.decides && !isCounted(row));
  const informing = rows.filter((row) => !row.decides && isCounted(row));
  if (rows.length === 0) {
    return section('counts', 'Counts', html`<p>No count was tested: one side has no valid run.</p>`);
  }
  const none =
    silent.length === 0 ? null : html`<p class="note">None on any side: ${some(silent.map(notOnce), 6)}.</p>`;
  const parts =
    informing.length === 0
      ? null
      : html`<details><summary>${counted(informing.length, 'more count')} that do not decide: parts of these, and
responses by cause</summary>
${lanesTable('Parts and responses', informing, comparison.detect)}</details>`;
  return section(
    'counts',
    'Counts',
    [deciding.length > 0 ? lanesTable('Counts', deciding, comparison.detect) : null, none, parts],
    'A dot is a run; the bar is the rate of all of them, the band its 95 % limits. p is corrected for ' +
      `${correctedFor(comparison)}. “Minimum detectable”: the lowest rate that these runs ` +
      `would distinguish from A’s. “Runs for × ${comparison.detect}”: runs a side to detect such a rise 9 times in 10.`,
  );
}

function notOnce({ title, lanes }: ComparisonRow): string {
  const limit = lanes.find(({ against }) => against !== null)?.against?.sensitivity ?? '';
  return `${title} (${limit})`;
}

function measures(comparison: Comparison): Html | null {
  const rows = measureRows(comparison);
  if (rows.length === 0) return null;
  const deciding = rows.filter(({ decides }) => decides);
  const informing = rows.filter(({ decides }) => !decides);
  return section(
    'measures',
    'Latency, throughput, cost',
    [
      lanesTable('Latency, throughput, cost', deciding, comparison.detect),
      informing.length === 0
        ? null
        : html`<details><summary>${counted(informing.length, 'more measure')} that do not decide: other percentiles
and lock waits</summary>
${lanesTable('Other percentiles', informing, comparison.detect)}</details>`,
    ],
    'A dot is one run’s value; the band goes from the lowest to the highest, the bar is their geometric mean. The ' +
      'interval is a bootstrap over runs. A deciding measure must have shifted by more than 10 %, with its whole ' +
      'interval.',
  );
}

function conflicts(comparison: Comparison): Html | null {
  const rows = comparedConflicts(comparison).map(({ name, cells }) => [cut(name, 120), ...cells]);
  if (rows.length === 0) return null;
  const builds = lettered(comparison).map(({ letter, side }) => ({ title: `${letter} ${cut(side.build, 60)}` }));
  return section('conflicts', CONFLICTS_TITLE, table(CONFLICTS_TITLE, [{ title: 'request' }, ...builds], rows));
}

function invariants(comparison: Comparison): Html {
  const builds = lettered(comparison);
  const rowsOf = (some: readonly InvariantRow[]) =>
    some.map(({ name, claim, sides }) => [
      html`<strong>${cut(name, 120)}</strong><small>${cut(claim, 400)}</small>`,
      ...sides.map((one, index) => verdictCell(builds[index]?.letter ?? '', one)),
    ]);
  const columns = [
    { title: 'invariant' },
    ...builds.map(({ letter, side }) => ({ title: `${letter} ${cut(side.build, 60)}`, narrow: true })),
  ];
  const all = invariantRows(comparison);
  const alike = all.filter(({ sides }) =>
    sides.every((one) => one?.verdict === sides[0]?.verdict && one?.verdict !== 'fail'),
  );
  const shown = all.filter((row) => !alike.includes(row));
  const holding = alike.filter(({ sides }) => sides[0]?.verdict === 'pass').length;
  const words = [
    ...(holding > 0 ? [`${count(holding)} hold on all builds`] : []),
    ...(alike.length > holding ? [`${count(alike.length - holding)} not exercised enough on any`] : []),
  ].join(', ');
  return section('invariants', 'Invariants', [
    shown.length > 0 ? table('Invariants', columns, rowsOf(shown), { prose: true }) : null,
    alike.length === 0
      ? null
      : html`<details class="folded"><summary>${words}</summary>
${table('Invariants with one verdict', columns, rowsOf(alike), { prose: true })}</details>`,
  ]);
}

/** The letter is for the narrow screen, where the columns' heads are out of sight. */
function verdictCell(letter: string, invariant: ComparedInvariant | undefined): Html {
  if (!invariant) return html`<span class="letter">${letter} </span><span class="soft">not judged</span>`;
  const seen = invariant.verdict === 'fail' ? html` <span class="soft">× ${count(invariant.violations)}</span>` : null;
  return html`<span class="letter">${letter} </span>${badge(invariant.verdict)}${seen}`;
}

/** Causes of violations: only in B, in both, only in A. */
function findings({ letter, b, findings: all }: Against, several: boolean): Html | null {
  if (all.length === 0) return null;
  const of = several ? ` (${letter} ${cut(b.build, 60)})` : '';
  const groups: readonly (readonly [string, readonly ComparedFinding[]])[] = [
    [`Only in ${letter}`, all.filter(({ a: inA }) => inA.runs === 0)],
    [`In A and ${letter}`, all.filter(({ a: inA, b: inB }) => inA.runs > 0 && inB.runs > 0)],
    ['Only in A', all.filter(({ b: inB }) => inB.runs === 0)],
  ];
  const shown = groups
    .filter(([, members]) => members.length > 0)
    .map(([title, members]) => html`<h3>${title}</h3><ul>${members.map((one) => findingLine(one, letter))}</ul>`);
  return section(
    `findings-${letter}`,
    `Findings${of}`,
    html`<div class="found">${shown}</div>`,
    'Violations grouped by cause. A cause that was seen on one side only may still exist on the other.',
  );
}

function findingLine({ title, known_race, fingerprint, a, b }: ComparedFinding, letter: string): Html {
  const times = ({ occurrences, runs }: ComparedFinding['a']) => `${count(occurrences)} × in ${counted(runs, 'run')}`;
  const seen = [...(a.runs > 0 ? [`A ${times(a)}`] : []), ...(b.runs > 0 ? [`${letter} ${times(b)}`] : [])].join(', ');
  const known = known_race === null ? null : html` <span class="badge">${cut(known_race, 40)}</span>`;
  return html`<li>${cut(title, 300)}${known} <span class="soft">${seen} · ${fingerprint}</span></li>`;
}

function runs(comparison: Comparison, folder: string): Html {
  const rows = lettered(comparison).flatMap(({ letter, side }) => runRows(letter, side, folder));
  const titles = ['run', 'verdict', 'load', 'requests', '409', '5xx', 'deadlocks', 'first violation'];
  const columns = titles.map((title, index) => ({ title, numeric: index > 1 }));
  const share = Math.max(...lettered(comparison).map(({ side }) => side.harness_cpu_share ?? -1));
  const cost =
    share < 0 ? 'The harness’s CPU was not sampled.' : `The harness used at most ${percent(share)} of the CPU.`;
  return section('runs', 'Runs', table('Runs', columns, rows), cost);
}

function runRows(letter: string, side: ComparisonSide, folder: string): Content[][] {
  return side.runs.map((run) => [
    html`<a href="${reportLink(folder, run.run)}">${letter} ${cut(side.build, 60)}, seed ${run.seed}</a>`,
    badge(run.verdict),
    seconds(run.load_seconds),
    count(run.counts.operations ?? 0),
    count(run.counts.http_409 ?? 0),
    count(run.counts.http_5xx ?? 0),
    count(run.counts.deadlocks ?? 0),
    run.first_violation_s === null ? '–' : seconds(run.first_violation_s),
  ]);
}
