import type { Comparison } from '../harness/model/comparison.ts';
import type { Soak, SoakWindow } from '../harness/model/soak.ts';
import type { ConflictCount, Judgement } from '../harness/model/verdict.ts';
import { lettered } from './comparison.ts';
import { count, counted, LIMITS, rate } from './words.ts';

/** Requests refused with 409, by the state that the server found, in the words of every format. */

export const CONFLICTS_TITLE = '409 responses by request and state found';

/** `heartbeat SKIPPED`: a request and the state that was found; without a state what was refused. */
export function conflictName({ kind, found_state, reason }: Pick<ConflictCount, 'kind' | 'found_state' | 'reason'>) {
  return [kind, found_state === '' ? reason : found_state.toUpperCase()].filter((word) => word !== '').join(' ');
}

export interface ConflictTable {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly note: string;
}

export function conflictTable({ conflicts = [], load_seconds }: Judgement): ConflictTable | null {
  if (conflicts.length === 0) return null;
  const rows = conflicts
    .slice(0, LIMITS.refusals)
    .map((one) => [
      one.kind,
      one.found_state === '' ? '–' : one.found_state.toUpperCase(),
      one.reason,
      count(one.count),
      perMinute(one.count, load_seconds),
      count(one.violations),
    ]);
  return {
    head: ['request', 'state found', 'reason', 'count', 'rate', 'by a violation'],
    rows,
    note: '“By a violation”: how many of them have a cause that was not legitimate.',
  };
}

/** `heartbeat SKIPPED 10/min`, most frequent first, where responses name a state. */
export function conflictWords({ conflicts = [], load_seconds }: Judgement): string[] {
  return conflicts
    .filter(({ found_state }) => found_state !== '')
    .map((one) => `${conflictName(one)} ${perMinute(one.count, load_seconds)}`);
}

function perMinute(events: number, loadSeconds: number): string {
  return loadSeconds > 0 ? rate('s', events / loadSeconds) : count(events);
}

/** A row for each request and state found, a cell for each build: `10.2/min (51 in 5 of 5 runs)`. */
export function comparedConflicts(comparison: Comparison): { readonly name: string; readonly cells: string[] }[] {
  const sides = lettered(comparison).map(({ side }) => side);
  const totals = new Map<string, number>();
  for (const one of sides.flatMap(({ conflicts }) => conflicts)) {
    totals.set(conflictName(one), (totals.get(conflictName(one)) ?? 0) + one.count);
  }
  const names = [...totals].sort(([, a], [, b]) => b - a).map(([name]) => name);
  return names.slice(0, LIMITS.refusals).map((name) => ({
    name,
    cells: sides.map(({ conflicts, runs, load_seconds }) => {
      const same = conflicts.filter((conflict) => conflictName(conflict) === name);
      if (same.length === 0) return '0';
      const total = same.reduce((sum, one) => sum + one.count, 0);
      const inRuns = Math.max(...same.map((one) => one.runs));
      return `${perMinute(total, load_seconds)} (${count(total)} in ${inRuns} of ${counted(runs.length, 'run')})`;
    }),
  }));
}

/** The columns that a table of windows has room for. */
const MOST_COLUMNS = 6;

/** A row for the whole soak, one for each day if there are several, and one for each of the windows. */
export function soakConflicts(
  soak: Pick<Soak, 'windows'>,
  shown: readonly SoakWindow[],
): { head: string[]; rows: string[][] } | null {
  const totals = new Map<string, number>();
  for (const { judged } of soak.windows) {
    for (const [name, n] of Object.entries(judged?.conflicts ?? {})) totals.set(name, (totals.get(name) ?? 0) + n);
  }
  if (totals.size === 0) return null;
  const names = [...totals].sort(([, a], [, b]) => b - a).map(([name]) => name);
  const columns = names.slice(0, MOST_COLUMNS);
  const row = (title: string, windows: readonly SoakWindow[]) => {
    const judged = windows.flatMap((window) => (window.judged?.conflicts ? [window.judged] : []));
    const load = judged.reduce((sum, { load_s }) => sum + load_s, 0);
    const sum = (name: string) => judged.reduce((n, { conflicts }) => n + (conflicts?.[name] ?? 0), 0);
    const others = names.slice(MOST_COLUMNS).reduce((n, name) => n + sum(name), 0);
    const cells = [...columns.map(sum), ...(names.length > MOST_COLUMNS ? [others] : [])];
    return [title, ...cells.map((n) => (load > 0 ? perMinute(n, load) : '–'))];
  };
  const days = [...new Set(soak.windows.map(dayOf))];
  return {
    head: ['', ...columns, ...(names.length > MOST_COLUMNS ? ['others'] : [])],
    rows: [
      row('all', soak.windows),
      ...(days.length < 2
        ? []
        : days.map((day) =>
            row(
              day,
              soak.windows.filter((one) => dayOf(one) === day),
            ),
          )),
      ...shown.map((one) => row(`window ${one.number}${one.attempt > 1 ? `, attempt ${one.attempt}` : ''}`, [one])),
    ],
  };
}

/** UTC. */
function dayOf({ started_at }: SoakWindow): string {
  return started_at.slice(0, 10);
}
