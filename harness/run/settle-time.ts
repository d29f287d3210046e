import type { Scenario } from '../model/scenario.ts';

/** Longer lives are cut off at the end of a window: what follows is time without load. */
const LONGEST_SETTLE_MS = 30_000;

/** On a stack that stays up: time for lives that began at the end of the load. */
export function settleMs({ dags }: Scenario): number {
  const longest = Math.max(0, ...dags.flatMap(({ tasks }) => tasks.map(({ duration_ms }) => duration_ms[1])));
  return Math.min(longest + 4_000, LONGEST_SETTLE_MS);
}
