import type { Comparison } from '../model/comparison.ts';
import type { Judgement } from '../model/verdict.ts';
import { BETWEEN_RUNS, type BetweenRuns } from '../statistics/between-runs.ts';
import type { Look } from '../statistics/spending.ts';
import { compareBuilds } from './compare.ts';
import { isSettled } from './looks.ts';

export interface Rounds {
  /** The runs of each build. */
  readonly judged: readonly (readonly Judgement[])[];
  /** After which it ended. */
  readonly look: Look;
}

/** A run: which build, in which round. */
export interface Turn<Build> {
  readonly build: Build;
  readonly round: number;
}

/**
 * Rounds of one run of each build, A B, then B A, and so on: a drift over time affects all builds alike. Ends when more
 * runs would not change the answer, which is asked after the planned looks only: asking after each run finds a
 * difference sooner or later. `soFar` gets the comparison after the first round, and after each look that did not end
 * it: for its rates, not for its decision.
 */
export async function playRounds<Build>(
  builds: readonly Build[],
  planned: readonly number[],
  play: (build: Build, round: number, next: Turn<Build> | undefined) => Promise<Judgement>,
  soFar: (comparison: Comparison, look: Look) => void = () => undefined,
  between: BetweenRuns = BETWEEN_RUNS,
): Promise<Rounds> {
  const sides = builds.map((build) => ({ build, runs: [] as Judgement[] }));
  const judged = sides.map(({ runs }) => runs);
  const most = planned.at(-1) ?? 0;
  const inOrder = (round: number) => (round % 2 === 0 ? sides : sides.toReversed());
  const turns = Array.from({ length: most }, (_, round) => inOrder(round).map((side) => ({ ...side, round }))).flat();
  for (const [place, { build, round, runs }] of turns.entries()) {
    const next = turns[place + 1];
    runs.push(await play(build, round, next));
    if (next?.round === round) continue;
    const look = { after: round + 1, planned };
    if (next === undefined) break;
    const isLook = planned.includes(look.after);
    if (!isLook && round > 0) continue;
    const comparison = compareBuilds(judged, { between, detect: 0, look: isLook ? look : null });
    if (isLook && isSettled(comparison)) return { judged, look };
    soFar(comparison, look);
  }
  return { judged, look: { after: most, planned } };
}
