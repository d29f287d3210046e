import type { Finding } from '../harness/model/finding.ts';
import { groupBy } from '../harness/model/group-by.ts';
import type { Deadlock, DeadlockOutcome, DeadlockSide } from '../harness/model/verdict.ts';
import { listed, moment } from './words.ts';

/** Deadlocks, in the words of every format: their kinds, and how one of a kind came about. */

export interface DeadlockKind {
  readonly fingerprint: string;
  readonly count: number;
  readonly first: Deadlock;
  readonly last: Deadlock;
  /** The most informative one: explained, with a request that failed. */
  readonly example: Deadlock;
  /** Those with a side that has no name, no action or no subject. */
  readonly dark: number;
  /** Requests that got the 5xx. */
  readonly operations: readonly number[];
}

/** Deadlocks by kind, the most frequent first. */
export function deadlockKinds(deadlocks: readonly Deadlock[]): DeadlockKind[] {
  return [...groupBy(deadlocks, ({ fingerprint }) => fingerprint)]
    .flatMap(([fingerprint, group]) => {
      const sorted = group.toSorted((a, b) => a.at_ms - b.at_ms);
      const [first, last] = [sorted[0], sorted.at(-1)];
      if (!first || !last) return [];
      const operations = sorted.flatMap(({ operation }) => (operation === null ? [] : [operation]));
      const explained = sorted.filter((one) => one.explained);
      const example = explained.find(({ outcome }) => outcome !== null) ?? explained[0] ?? first;
      const count = group.reduce((sum, { left_out }) => sum + 1 + left_out, 0);
      return [{ fingerprint, count, first, last, example, dark: group.length - explained.length, operations }];
    })
    .sort((a, b) => b.count - a.count);
}

/** The deadlock that a finding has as its worst occurrence, if it is a finding of deadlocks and its sides are known. */
export function deadlockOf({ root, worst }: Finding, deadlocks: readonly Deadlock[]): Deadlock | undefined {
  if (root.invariant !== 'no-deadlocks') return undefined;
  return deadlocks.find(({ at_ms, explained }) => explained && at_ms === worst.at_ms);
}

export type LaneEventKind =
  | 'begins'
  | 'holds'
  | 'waits'
  | 'cancelled'
  | 'continues'
  | 'answered'
  | 'retried'
  | 'recorded';

export interface LaneEvent {
  /** Index of the side that it belongs to; the victim's is 0. */
  readonly lane: number;
  /** On the run's clock; null where only the order is known. */
  readonly at_ms: number | null;
  readonly kind: LaneEventKind;
  readonly text: string;
}

/** Beyond so many sides only the statements are shown. */
export const LANES = 4;

/** `wt-scheduler-1 gives unfinished tasks the new DAG version (dag/run)`. */
export function actionOf({ process, pid, action, subject }: DeadlockSide): string {
  const name = `${process} (pid ${pid})`;
  return `${name} ${action ?? '(its action was not recorded)'}${subject === null ? '' : `: ${subject}`}`;
}

/** What the deadlocks of a kind have in common, in words; the fingerprint where a side is unknown. */
export function titleOf({ example }: DeadlockKind): string {
  const actions = example.sides.map(({ process, action }) => (action === null ? null : `${roleOf(process)} ${action}`));
  const known = [...new Set(actions.flatMap((action) => (action === null ? [] : [action])))];
  return actions.includes(null) || known.length === 0 ? example.fingerprint : known.join(' × ');
}

/**
 * In the order of time, as far as it is known: who held what, who waited for it, who was cancelled, and the outcome.
 */
export function storyOf({ at_ms, sides, outcome, died_ms }: Deadlock): LaneEvent[] {
  const shown = sides.slice(0, LANES);
  const waits = shown.flatMap((side, lane) => waitOf(side, lane, shown));
  const ends = shown.map((_, lane): LaneEvent => {
    const text =
      lane === 0 ? 'PostgreSQL cancels its statement and rolls its transaction back' : 'gets its lock and continues';
    return { lane, at_ms: lane === 0 ? at_ms : null, kind: lane === 0 ? 'cancelled' : 'continues', text };
  });
  const begins = shown.flatMap(({ xact_started_ms, xid }, lane): LaneEvent[] =>
    xact_started_ms === null
      ? []
      : [{ lane, at_ms: xact_started_ms, kind: 'begins', text: `begins transaction${xid === null ? '' : ` ${xid}`}` }],
  );
  const died: LaneEvent[] =
    died_ms === null ? [] : [{ lane: 0, at_ms: died_ms, kind: 'answered', text: 'the process exits because of it' }];
  return [...begins.sort(byTime), ...waits.sort(byTime), ...ends, ...died, ...(outcome ? outcomeEvents(outcome) : [])];
}

/** The holder of a lock had it before; since when is not recorded. */
function waitOf(side: DeadlockSide, lane: number, sides: readonly DeadlockSide[]): LaneEvent[] {
  const { waited_from_ms: at_ms, blocked_by, lock } = side;
  const wanted = side.waits_for ?? lockWords(lock);
  const holder = sides.findIndex(({ pid }) => pid === blocked_by);
  const behind = holder < 0 ? '' : `, which ${sides[holder]?.process} holds`;
  return [
    ...(holder < 0 ? [] : [{ lane: holder, at_ms, kind: 'holds' as const, text: `holds ${wanted}` }]),
    { lane, at_ms, kind: 'waits' as const, text: `waits for ${wanted}${behind}` },
  ];
}

function outcomeEvents(outcome: DeadlockOutcome): LaneEvent[] {
  const { status, answered_ms, retry_operation, retry_ms, retry_status, state, state_ms, commit } = outcome;
  const answered = retry_status === null ? 'no response' : `${retry_status}`;
  const events: LaneEvent[] = [
    {
      lane: 0,
      at_ms: answered_ms,
      kind: 'answered',
      text: status === null ? 'the client gets no response' : `the client gets ${status}`,
    },
  ];
  if (retry_operation === null)
    events.push({ lane: 0, at_ms: null, kind: 'retried', text: 'the client does not retry' });
  else {
    const text = `the client retries (operation ${retry_operation}): ${answered}`;
    events.push({ lane: 0, at_ms: retry_ms, kind: 'retried', text });
  }
  const text =
    state === null ? 'no later state was recorded' : `final state: ${state.toUpperCase()} (commit ${commit})`;
  return [...events, { lane: 0, at_ms: state_ms, kind: 'recorded' as const, text }].sort(byTime);
}

/** An edge of the graph of a deadlock: who waits, for what, and who holds it. */
export interface Wait {
  readonly side: DeadlockSide;
  readonly wanted: string;
  readonly holder: DeadlockSide | null;
}

/** Who waits for whom, from the victim along the circle; sides that it does not lead through come last. */
export function waitsOf({ sides }: Deadlock): Wait[] {
  const left = sides.slice(0, LANES);
  const waits: Wait[] = [];
  for (let side = left.shift(); side !== undefined; ) {
    const { blocked_by, waits_for, lock, pid } = side;
    const holder = sides.find((other) => other.pid === blocked_by && other.pid !== pid) ?? null;
    waits.push({ side, wanted: waits_for ?? lockWords(lock), holder });
    const next = holder === null ? -1 : left.indexOf(holder);
    side = next < 0 ? left.shift() : left.splice(next, 1)[0];
  }
  return waits;
}

/** A line for each side and one for the outcome: enough where there is no room for lanes. */
export function storyLines(deadlock: Deadlock): string[] {
  const { outcome } = deadlock;
  const lines = deadlock.sides.map((side, index) => {
    const from = side.waited_from_ms === null ? '' : ` since ${moment(side.waited_from_ms)}`;
    const waits = `waits${from} for ${side.waits_for ?? lockWords(side.lock)}`;
    return `${actionOf(side)}; ${waits}${index === 0 ? '; it is the victim' : ''}`;
  });
  if (outcome === null) return lines;
  const events = outcomeEvents(outcome).map(({ at_ms, text }) => (at_ms === null ? text : `${moment(at_ms)} ${text}`));
  return [...lines, listed(events)];
}

/** PostgreSQL waits for the transaction that has changed the row; which row is not always known. */
function lockWords(lock: string | null): string {
  const [, transaction] = /on transaction (\d+)/.exec(lock ?? '') ?? [];
  if (transaction !== undefined) return `a row that transaction ${transaction} has locked`;
  return lock?.includes('on tuple') ? 'a row that others wait for' : (lock ?? 'a lock');
}

/** Where one time is not known the order stands as it is. */
function byTime(a: LaneEvent, b: LaneEvent): number {
  return a.at_ms === null || b.at_ms === null ? 0 : a.at_ms - b.at_ms;
}

/** `wt-api-execution-1` → `api-execution`. */
function roleOf(process: string): string {
  return process.replace(/^wt-/, '').replace(/-\d+$/, '');
}
