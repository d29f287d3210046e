import type { Judgement } from '../model/verdict.ts';
import type { Look } from '../statistics/spending.ts';
import { compareBuilds } from './compare.ts';
import { isSettled } from './looks.ts';

export interface Rounds {
  /** The runs of each build. */
  readonly judged: readonly (readonly Judgement[])[];
  /** After which it ended. */
  readonly look: Look;
}

/**
 * Rounds of one run of each build, A B, then B A, and so on: a drift over time affects all builds alike. Ends when more
 * runs would not change the answer, which is asked after the planned looks only: asking after each run finds a
 * difference sooner or later.
 */
export async function playRounds<Build>(
  builds: readonly Build[],
  planned: readonly number[],
  play: (build: Build, round: number) => Promise<Judgement>,
): Promise<Rounds> {
  const sides = builds.map((build) => ({ build, runs: [] as Judgement[] }));
  const judged = sides.map(({ runs }) => runs);
  const most = planned.at(-1) ?? 0;
  for (let round = 0; round < most; round++) {
    for (const { build, runs } of round % 2 === 0 ? sides : sides.toReversed()) runs.push(await play(build, round));
    const look = { after: round + 1, planned };
    if (planned.includes(look.after) && isSettled(compareBuilds(judged, { detect: 0, look }))) return { judged, look };
  }
  return { judged, look: { after: most, planned } };
}
