import { comparePair } from '../compare/compare.ts';
import type { Judgement, Verdict } from '../model/verdict.ts';
import type { BetweenRuns } from '../statistics/between-runs.ts';
import { SPREADS } from '../statistics/count-test.ts';
import { invariant, judgement } from './fixture.ts';

/** Literal runs for the tests of comparisons. */

/** Runs of one build have one rate: what a comparison says is then plain arithmetic. */
const ALIKE = SPREADS.map((spread) => (spread === 0 ? 1 : 0));
const PRIOR = { rare: ALIKE, frequent: ALIKE };
const SCATTER = { deviation: 0.1, freedom: 4 };
export const between: BetweenRuns = {
  counts: { wrongs: PRIOR, refusals: PRIOR },
  measures: { latency: SCATTER, throughput: SCATTER, cpu: SCATTER, memory: SCATTER, 'lock waits': SCATTER },
};
export const compareJudgements = (a: readonly Judgement[], b: readonly Judgement[]) =>
  comparePair(a, b, { between, detect: 0 });

/** One run of a build in which each invariant got this verdict; violations as given or 8. */
export function run(
  build: string,
  verdicts: Record<string, Verdict | number>,
  over: Partial<Judgement> = {},
): Judgement {
  const invariants = Object.entries(verdicts).map(([name, verdict]) =>
    typeof verdict === 'number'
      ? invariant(name, 'fail', { violations: verdict })
      : invariant(name, verdict, { violations: verdict === 'fail' ? 8 : 0 }),
  );
  return judgement({ build, invariants, classes: [], latency: [], deadlocks: [], counts: {}, ...over });
}

export const deadlocks = (n: number, http_5xx = 0) => ({ counts: { deadlocks: n, http_5xx } });
