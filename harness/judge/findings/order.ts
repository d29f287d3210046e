/**
 * Requests are timed by our clock, commits by PostgreSQL's. On one axis they may differ by up to the clock tolerance,
 * which is more than the time between a request and its commit, so that times alone could show an answer before the
 * commit that it reports. What is certain decides first:
 *
 * 1. requests and answers among each other by our clock, commits by `seq`, the order of the write-ahead log: each
 *    exact in itself;
 * 2. a request was sent before what it did was committed, and what it did was committed before it was answered 2xx
 *    (Airflow commits before it answers). For a request without an answer only the first holds: it may commit later.
 *
 * Only where neither says which of two came first, the times do.
 */

/** Something on our clock. */
export interface Ours {
  readonly at_ms: number;
  /** `op` of the request, and which end of it; null for what is no request (a window of damage). */
  readonly end: { readonly op: number; readonly of: 'request' | 'answer' } | null;
}

/** Something on PostgreSQL's clock: a commit, or a line of its log. */
export interface Theirs {
  readonly at_ms: number;
  /** In the order of the write-ahead log; null for a line of the log, which goes by its time. */
  readonly seq: number | null;
  /** The request that did it, where one is known, and whether its answer acknowledges it. */
  readonly by: { readonly op: number; readonly accepted: boolean } | null;
}

/** Both as one sequence. */
export function inOneOrder<A extends Ours, B extends Theirs>(ours: readonly A[], theirs: readonly B[]): (A | B)[] {
  const [left, right] = [ours.toSorted(byOurClock), theirs.toSorted(bySeq)];
  const merged: (A | B)[] = [];
  const unsent = new Set(left.flatMap(({ end }) => (end?.of === 'request' ? [end.op] : [])));
  const uncommitted = new Map<number, number>();
  for (const { by } of right) if (by?.accepted) uncommitted.set(by.op, (uncommitted.get(by.op) ?? 0) + 1);
  let [i, j] = [0, 0];
  while (i < left.length || j < right.length) {
    const [one, other] = [left[i], right[j]];
    const waitsForRequest = other?.by ? unsent.has(other.by.op) : false;
    const waitsForCommit = one?.end?.of === 'answer' && (uncommitted.get(one.end.op) ?? 0) > 0;
    if (one && (!other || waitsForRequest || (!waitsForCommit && one.at_ms <= other.at_ms))) {
      if (one.end?.of === 'request') unsent.delete(one.end.op);
      merged.push(one);
      i++;
    } else if (other) {
      if (other.by?.accepted) uncommitted.set(other.by.op, (uncommitted.get(other.by.op) ?? 1) - 1);
      merged.push(other);
      j++;
    }
  }
  return merged;
}

function byOurClock(a: Ours, b: Ours): number {
  const rank = ({ end }: Ours) => (end?.of === 'answer' ? 1 : 0);
  return a.at_ms - b.at_ms || rank(a) - rank(b);
}

/** Commit times may step back by some microseconds between two backends; their sequence never does. */
function bySeq(a: Theirs, b: Theirs): number {
  return a.seq !== null && b.seq !== null ? a.seq - b.seq : a.at_ms - b.at_ms;
}
