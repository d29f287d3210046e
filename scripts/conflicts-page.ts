import { groupBy } from '../harness/model/group-by.ts';
import type { Judgement } from '../harness/model/verdict.ts';
import { conflictName } from '../reports/conflicts.ts';
import { markdownTable } from '../reports/markdown/document.ts';
import { count, counted, lines, rate } from '../reports/words.ts';
import type { RunOrigin } from './judged-run.ts';
import { withParts } from './marked-parts.ts';

/** A stage of the fix of #63266: a build, and what it is called. */
export interface Stage {
  readonly name: string;
  readonly build: string;
}

const GUARDS = ['60330-guard', '63266-guard'].map((name) => `+patches/3.1.8/${name}.patch`);

/** As it was reported: 3.1.8, with the guard of `schedule_tis`, and with that of skip-downstream as well. */
export const STAGES: readonly Stage[] = ['as released', 'guard of schedule_tis', 'both guards'].map(
  (name, patched) => ({
    name,
    build: ['airflow@3.1.8', ...GUARDS.slice(0, patched)].join(''),
  }),
);

/** What the guards are for: the invariants that a build without them violates. */
const INVARIANTS = ['skips-take-effect', 'running-is-not-overwritten', 'handed-off-can-start'];

/** What is kept of a run: one line of records/63266.json. */
export interface ConflictRun extends RunOrigin {
  readonly stage: string;
  readonly build: string;
  readonly seed: number;
  readonly load_seconds: number;
  /** All of the command, with the start and the end of the stack. */
  readonly took_s: number;
  /** Assumptions that did not hold: such a run counts, and the page says so. */
  readonly doubts: readonly string[];
  /** 409s by request and state found, and those of them that a violation caused. */
  readonly conflicts: Readonly<Record<string, readonly [count: number, violations: number]>>;
  readonly violations: Readonly<Record<string, number>>;
}

export function conflictRun(
  judgement: Judgement,
  about: Pick<ConflictRun, 'stage' | 'took_s'>,
  origin: RunOrigin,
): ConflictRun {
  const { build, seed, load_seconds, conflicts = [], assumptions, invariants } = judgement;
  const byName = groupBy(conflicts, conflictName);
  const total = (all: readonly { count: number; violations: number }[], of: 'count' | 'violations') =>
    all.reduce((sum, one) => sum + one[of], 0);
  return {
    stage: about.stage,
    build,
    seed,
    load_seconds: Math.round(load_seconds * 10) / 10,
    took_s: Math.round(about.took_s),
    doubts: assumptions.filter(({ verdict }) => verdict !== 'pass').map(({ name }) => name),
    conflicts: Object.fromEntries(
      [...byName].map(([name, all]) => [name, [total(all, 'count'), total(all, 'violations')] as const]),
    ),
    violations: Object.fromEntries(
      INVARIANTS.map((name) => [name, invariants.find((one) => one.name === name)?.violations ?? 0]),
    ),
    ...origin,
  };
}

/** One run is kept for each stage and seed, the newest; by seed, then in the order of the stages. */
export function withConflictRuns(kept: readonly ConflictRun[], added: readonly ConflictRun[]): ConflictRun[] {
  const key = ({ stage, seed }: ConflictRun) => `${seed} ${stage}`;
  const fresh = new Set(added.map(key));
  const place = ({ stage }: ConflictRun) => STAGES.findIndex(({ name }) => name === stage);
  return [...kept.filter((run) => !fresh.has(key(run))), ...added].sort(
    (a, b) => a.seed - b.seed || place(a) - place(b),
  );
}

/** One line a run, so that diffs are readable. */
export function conflictRunsJson(runs: readonly ConflictRun[]): string {
  return `[\n${runs.map((run) => `  ${JSON.stringify(run)}`).join(',\n')}\n]\n`;
}

/** docs/63266.md with everything between its markers replaced. Throws if a marker is missing. */
export function withConflictTable(document: string, runs: readonly ConflictRun[]): string {
  return withParts(document, 'docs/63266.md', { table: tables(runs) });
}

function tables(runs: readonly ConflictRun[]): string {
  if (runs.length === 0) return 'Not measured yet.';
  const stages = STAGES.map(({ name }) => runs.filter(({ stage }) => stage === name));
  const head = ['', ...STAGES.map(({ name }) => name)];
  const totals = new Map<string, number>();
  for (const run of runs)
    for (const [name, [n]] of Object.entries(run.conflicts)) totals.set(name, (totals.get(name) ?? 0) + n);
  const names = [...totals].sort(([a, x], [b, y]) => y - x || a.localeCompare(b)).map(([name]) => name);
  const row = (title: string, of: (run: ConflictRun) => number) => [title, ...stages.map((one) => cell(one, of))];
  const doubtful = runs.filter(({ doubts }) => doubts.length > 0);
  const origins = runs.map(({ commit, at }) => `${at.slice(0, 10)} at \`${commit}\``);
  return [
    markdownTable(head, [
      ...names.map((name) => row(name, ({ conflicts }) => conflicts[name]?.[0] ?? 0)),
      row('of all these, by a violation', ({ conflicts }) => sum(Object.values(conflicts).map(([, n]) => n))),
    ]),
    'Violations:',
    markdownTable(
      head,
      INVARIANTS.map((name) => row(`\`${name}\``, ({ violations }) => violations[name] ?? 0)),
    ),
    lines(
      `Runs: ${STAGES.map(({ name }, i) => `${stages[i]?.length ?? 0} ${name}`).join(', ')}. ` +
        `Made ${[...new Set(origins)].sort().join(', ')}. ` +
        (doubtful.length === 0
          ? 'In all of them every assumption held.'
          : `In ${counted(doubtful.length, 'run')} an assumption did not hold (${[
              ...new Set(doubtful.flatMap(({ doubts }) => doubts)),
            ].join(', ')}).`),
      120,
    ).join('\n'),
  ].join('\n\n');
}

/** `10.2/min (4 to 14), in 5 of 5`: all events over all load, and the lowest and highest count of one run. */
function cell(runs: readonly ConflictRun[], of: (run: ConflictRun) => number): string {
  if (runs.length === 0) return 'not measured';
  const counts = runs.map(of);
  const all = sum(counts);
  if (all === 0) return `0 in ${counted(runs.length, 'run')}`;
  const load = sum(runs.map(({ load_seconds }) => load_seconds));
  const some = counts.filter((n) => n > 0).length;
  const range = `${count(Math.min(...counts))} to ${count(Math.max(...counts))} a run`;
  return `${rate('s', all / load)} (${range}, in ${some} of ${runs.length})`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
