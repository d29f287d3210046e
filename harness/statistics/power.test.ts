import { expect, test } from 'vitest';
import { Rng } from '../model/rng.ts';
import { BETWEEN_RUNS } from './between-runs.ts';
import { pValueOf, weightsAfter } from './count-test.ts';
import { drawCount, runsNeeded } from './power.ts';
import { type Counted, pooled } from './statistics.ts';

const known = BETWEEN_RUNS.counts.wrongs;
/** One of ten tests that share half of the 5 %, as in a comparison. */
const LEVEL = 0.05 / 2 / 10;
const TRIALS = 10;

/**
 * A pilot of three runs a side; as many more as are then asked for, looked at again when they are in, because they show
 * more of how far runs lie apart. The number depends on A alone, so looking again makes no false difference likelier
 * (an internal pilot: Wittes and Brittain 1990).
 */
function trial(rng: Rng): { readonly seen: boolean; readonly blamed: boolean } {
  const draw = (runs: number, factor: number): Counted[] =>
    Array.from({ length: runs }, () => ({ count: drawCount(20 * factor, 0.032, rng), exposure: 60 }));
  const differ = (a: readonly Counted[], b: readonly Counted[]) => pValueOf(a, b, weightsAfter(known, [a, b])) < LEVEL;
  const [a, b, same] = [draw(3, 1), draw(3, 2), draw(3, 1)];
  for (;;) {
    const plan = { between: known, weights: weightsAfter(known, [a, b]), levelOf: () => LEVEL, factor: 2 };
    const more = (runsNeeded(a, plan) ?? Number.POSITIVE_INFINITY) - a.length;
    if (!Number.isFinite(more)) return { seen: false, blamed: differ(a, same) };
    if (more <= 0) break;
    a.push(...draw(more, 1));
    b.push(...draw(more, 2));
    same.push(...draw(more, 1));
  }
  return { seen: differ(a, b) && pooled(b).count > pooled(a).count, blamed: differ(a, same) };
}

test('with as many runs as requested a doubled rate is seen 9 times in 10, and no build differs from itself', () => {
  const rng = new Rng(1, 'power');
  const trials = Array.from({ length: TRIALS }, () => trial(rng));
  expect(trials.filter(({ seen }) => seen).length).toBeGreaterThanOrEqual(0.9 * TRIALS);
  expect(trials.filter(({ blamed }) => blamed).length).toBe(0);
});
