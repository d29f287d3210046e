import type { Manifest } from '../../harness/model/manifest.ts';
import type { InvariantResult, Judgement } from '../../harness/model/verdict.ts';
import { commandToRepeat, exampleQuery } from '../commands.ts';
import { harnessCost, harnessFacts, provenance } from '../conditions.ts';
import { CONFLICTS_TITLE, conflictTable } from '../conflicts.ts';
import { deadlockKinds, deadlockOf } from '../deadlocks.ts';
import { classTable } from '../refusals.ts';
import { evidence, headline, isNotExercised, worstFirst } from '../summary.ts';
import { count, counted, LIMITS, milliseconds, percent, seconds } from '../words.ts';
import { chartScript } from './chart-page.ts';
import { charts } from './charts.ts';
import { deadlockKind } from './deadlocks.ts';
import { faultsSection } from './faults.ts';
import { findingsSection } from './findings.ts';
import { type Content, cut, type Html, html } from './html.ts';
import { knownTable, knownWhy } from './known.ts';
import { badge, command, facts, page, section, table } from './page.ts';

/** `report.html`: one file that needs nothing else, to be opened, sent or printed. */
export function reportHtml(judgement: Judgement, manifest: Manifest): string {
  const { build, scenario, verdict } = judgement;
  const drawn = overTime(judgement);
  const sections = (
    [
      ['findings', 'Findings', findingsSection(judgement, manifest)],
      ['known', 'Known findings', knownTable(judgement.known)],
      ['invariants', 'Invariants', invariantsSection(judgement)],
      ['deadlocks', 'Deadlocks', deadlocks(judgement)],
      ['time', 'Over time', drawn],
      ['faults', 'Faults', faultsSection(judgement)],
      ['refusals', 'Refused requests', refusals(judgement)],
      ['latency', 'Latency', latency(judgement)],
      ['measured', 'Conditions', measured(judgement, manifest)],
      ['repeat', 'Repeat', repeat(judgement, manifest)],
    ] as const
  ).filter(([, , body]) => body !== null);
  const body = [
    hero(judgement),
    contents(sections),
    html`<main>`,
    sections.map(([, , body]) => body),
    html`</main>`,
    html`<footer>windtunnel ${manifest.windtunnel} · ${manifest.started_at}</footer>`,
  ];
  return page(`${verdict}: ${cut(build, 80)} · ${cut(scenario, 80)}`, body, drawn && chartScript());
}

function contents(sections: readonly (readonly [id: string, title: string, body: Html | null])[]): Html {
  const links = sections.map(([id, title]) => html`<li><a href="#${id}">${title}</a></li>`);
  return html`<nav class="contents" aria-label="In this report"><ul>${links}</ul></nav>\n`;
}

function repeat({ run }: Judgement, manifest: Manifest): Html {
  const note = 'Every request and every committed row change is in the run folder. Query it in SQL.';
  return html`${section('repeat', 'Repeat this run', command(commandToRepeat(run, manifest.repeat)))}
${section('query', 'Query this run', command(exampleQuery(run)), note)}`;
}

function hero(judgement: Judgement): Html {
  const { verdict, build, scenario, seed, load_seconds } = judgement;
  return html`<header>
<div class="hero ${verdict}">
<p class="eyebrow">${cut(scenario, 120)} · seed ${seed} · ${seconds(load_seconds)} of load</p>
<h1>${badge(verdict)}${cut(build, 200)}</h1>
<p class="why">${cut(headline(judgement), LIMITS.sentence)}</p>
${knownWhy(judgement.known)}
</div>
${facts(numbers(judgement), 'numbers')}
</header>
`;
}

function numbers(judgement: Judgement): [string, Content][] {
  const { counts, first_violation_s, harness_cpu_share } = judgement;
  const bad = (value: number | undefined) => (value ? html`<span class="some">${count(value)}</span>` : '0');
  return [
    ['requests', count(counts.operations ?? 0)],
    ...(counts.lives === undefined ? [] : ([['lives', count(counts.lives)]] satisfies [string, Content][])),
    ['409 responses', count(counts.http_409 ?? 0)],
    ['5xx responses', bad(counts.http_5xx)],
    ['deadlocks', bad(counts.deadlocks)],
    ['first violation', first_violation_s === null ? '–' : seconds(first_violation_s)],
    ['harness CPU', harness_cpu_share === null ? '–' : percent(harness_cpu_share)],
  ];
}

function invariantsSection({ invariants }: Judgement): Html | null {
  if (invariants.length === 0) return null;
  const sorted = worstFirst(invariants);
  const kept = sorted.filter((one) => one.verdict === 'pass' || isNotExercised(one));
  // A few are read at a glance; three dozen stand between the reader and what broke.
  const folds = kept.length > UNFOLDED;
  const shown = folds ? sorted.filter((one) => !kept.includes(one)) : sorted;
  const passed = kept.filter(({ verdict }) => verdict === 'pass').length;
  const aside = kept.length - passed;
  const others = aside > 0 ? `, ${count(aside)} not exercised and not aimed at by this scenario` : '';
  const words = `${count(passed)} hold${others}`;
  return section('invariants', 'Invariants', [
    shown.length > 0 ? invariantTable('Invariants', shown) : null,
    folds
      ? html`<details class="folded"><summary>${words}</summary>
${invariantTable('Invariants that hold', kept)}</details>`
      : null,
  ]);
}

const UNFOLDED = 8;

function invariantTable(label: string, invariants: readonly InvariantResult[]): Html {
  const rows = invariants.map((invariant) => [
    badge(invariant.verdict),
    html`<strong>${cut(invariant.name, 120)}</strong><small>${cut(invariant.claim, 400)}</small>`,
    html`${cut(evidence(invariant), 300)}${asides(invariant)}`,
  ]);
  const columns = [{ title: 'verdict', narrow: true }, { title: 'invariant' }, { title: 'evidence' }];
  return table(label, columns, rows, { prose: true });
}

function asides({ known_issues, aimed, verdict }: InvariantResult): Html | null {
  if (verdict === 'unknown' && !aimed) return html`<small>not aimed at by this scenario</small>`;
  return known_issues.length === 0 ? null : html`<small>known issues ${cut(known_issues.join(', '), 120)}</small>`;
}

function deadlocks(judgement: Judgement): Html | null {
  const kinds = deadlockKinds(judgement.deadlocks);
  if (kinds.length === 0) return null;
  const hidden = kinds.length - LIMITS.deadlockKinds;
  const shown = judgement.findings.flatMap((finding) => {
    const worst = deadlockOf(finding, judgement.deadlocks);
    return worst === undefined ? [] : [{ id: finding.id, fingerprint: worst.fingerprint }];
  });
  return section('deadlocks', 'Deadlocks', [
    ...kinds
      .slice(0, LIMITS.deadlockKinds)
      .map((kind) => deadlockKind(kind, shown.find(({ fingerprint }) => fingerprint === kind.fingerprint)?.id)),
    hidden > 0 ? html`<p class="note">… and ${counted(hidden, 'more kind')} of deadlock.</p>` : null,
  ]);
}

function overTime(judgement: Judgement): Html | null {
  const drawn = charts(judgement);
  const note =
    'Seconds on the run’s clock, as everywhere in this report. Dashed red: the first violation; dashed grey: the end ' +
    'of the load. Point at a chart, or walk through it with the arrow keys: all charts show the same moment.';
  return drawn && section('time', 'Over time', drawn, note);
}

function refusals(judgement: Judgement): Html | null {
  if (judgement.classes.length === 0) return null;
  const found = conflictTable(judgement);
  const conflicts =
    found &&
    html`<h3>${CONFLICTS_TITLE}</h3>
${table(
  CONFLICTS_TITLE,
  found.head.map((title, index) => ({ title, numeric: index > 2 })),
  found.rows.map((row) => row.map((cell) => cut(cell, 120))),
)}<p class="note">${found.note}</p>`;
  const { head, rows, note, hidden } = classTable(judgement);
  const columns = head.map((title, index) => ({ title, numeric: index === 0 }));
  const cells = rows.map((row) => row.map((cell) => cut(cell, 400)));
  const rest = hidden > 0 ? html`<p class="note">… and ${counted(hidden, 'more kind')}.</p>` : null;
  return section(
    'refusals',
    'Refused and failed requests',
    [table('Refusals', columns, cells, { prose: true }), rest, conflicts],
    note,
  );
}

function latency({ latency }: Judgement): Html | null {
  if (latency.length === 0) return null;
  const columns = ['operation', 'count', 'p50', 'p95', 'p99', 'max'];
  const rows = latency.map((row) => [
    cut(row.kind, 80),
    count(row.count),
    ...[row.p50_ms, row.p95_ms, row.p99_ms, row.max_ms].map(milliseconds),
  ]);
  const shown = table(
    'Latency',
    columns.map((title, index) => ({ title, numeric: index > 0 })),
    rows,
  );
  return section('latency', 'Latency', shown, 'Milliseconds from the intended start of a request to its end.');
}

function measured(judgement: Judgement, manifest: Manifest): Html {
  const { assumptions, thresholds } = judgement;
  const assumed = assumptions.map(({ verdict, name, sentence }) => [
    badge(verdict),
    html`<strong>${cut(name, 120)}</strong><small>${cut(sentence, 400)}</small>`,
  ]);
  const limits = thresholds.map(({ verdict, metric, expression, value }) => [
    badge(verdict),
    html`<span class="mono">${cut(`${metric} ${expression}`, 300)}</span>`,
    value === null ? 'not measured' : Number(value.toPrecision(4)),
  ]);
  const head = [{ title: 'verdict', narrow: true }, { title: 'threshold' }, { title: 'measured', numeric: true }];
  return section(
    'measured',
    'Conditions',
    [
      facts(harnessFacts(judgement), 'numbers'),
      limits.length > 0 ? html`${table('Thresholds', head, limits, { prose: true })}<br>` : null,
      assumed.length > 0
        ? table('Assumptions', [{ title: 'verdict', narrow: true }, { title: 'assumption' }], assumed, { prose: true })
        : null,
      facts(
        provenance(judgement, manifest).map(([name, value]) => [name, cut(value, 300)] as const),
        'list',
      ),
    ],
    harnessCost(judgement, manifest),
  );
}
