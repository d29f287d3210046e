import { listed } from '../../reports/words.ts';
import type { Comparison, CountDifference } from '../model/comparison.ts';
import type { Look } from '../statistics/spending.ts';
import { LEVEL } from './counts.ts';

/**
 * Whether more runs would not change the answer: each build is worse than the first, or better, and nothing suggests
 * that more runs would find a regression.
 */
export function isSettled({ pairs }: Comparison): boolean {
  return pairs.every(
    ({ decision, tests }) => decision === 'worse' || (decision === 'better' && !tests.some(suggestsRegression)),
  );
}

/** Far from significant, but more than most pairs of runs of one build differ by. */
const SUGGESTIVE = 0.2;

function suggestsRegression({ decides, better, p_value, a, b, a_exposure, b_exposure }: CountDifference): boolean {
  return decides && better === null && p_value < SUGGESTIVE && b / b_exposure > a / a_exposure;
}

/** What a report says of the looks; null where there was only one. */
export function looksOf(look: Look | null): Comparison['looks'] {
  if (look === null || look.planned.length === 1) return null;
  const { after, planned } = look;
  const most = planned.at(-1) ?? after;
  const stopped = `Stopped after ${after} of up to ${most} runs of each build`;
  const made =
    after < most
      ? `${stopped}: the answer is clear (--runs ${most} makes them all)`
      : `All ${most} runs of each build were made: at no look before was the answer clear`;
  const shared = `The looks after ${listed(planned.map(String))} runs share the 5 %, and the p-values allow for that`;
  return {
    after,
    planned: planned.map((runs) => ({ after: runs, spent: LEVEL * (runs / most) })),
    sentence: `${made}. ${shared}.`,
  };
}
