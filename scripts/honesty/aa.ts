import { comparePair } from '../../harness/compare/compare.ts';
import type { Calibration } from '../../harness/model/calibration.ts';
import type { Comparison } from '../../harness/model/comparison.ts';
import { Rng } from '../../harness/model/rng.ts';
import type { Judgement } from '../../harness/model/verdict.ts';
import { fitBetweenRuns } from './fit.ts';
import type { Group } from './pool.ts';

export interface AaResult {
  readonly group: string;
  readonly runs: number;
  readonly comparison: Comparison;
}

/** Runs a side: as many as people make. */
const MOST = 5;

/**
 * Pairs of a build and itself: the runs of a group, drawn without replacement, 1 to 5 a side in turn.
 * What is known of the spread between runs comes from all other groups, never from the one that is judged.
 */
export function aaPairs(
  groups: readonly Group[],
  calibrations: readonly Calibration[],
  pairs: number,
  seed: number,
): AaResult[] {
  const rng = new Rng(seed, 'aa');
  const tried = groups.filter(({ runs }) => runs.length >= 2);
  const known = new Map(
    tried.map((group) => [
      group,
      fitBetweenRuns(
        groups.filter((one) => one !== group),
        calibrations,
      ),
    ]),
  );
  return Array.from({ length: pairs }, (_, index) => {
    const runs = 1 + (index % MOST);
    const large = tried.filter((group) => group.runs.length >= 2 * runs);
    const group = large[Math.floor(index / MOST) % large.length];
    const between = group === undefined ? undefined : known.get(group);
    if (group === undefined || between === undefined) throw new Error(`no kept runs to draw ${2 * runs} from`);
    const drawn = shuffled(group.runs, rng);
    const comparison = comparePair(drawn.slice(0, runs), drawn.slice(runs, 2 * runs), { between, detect: 0 });
    return { group: group.name, runs, comparison };
  });
}

function shuffled(runs: readonly Judgement[], rng: Rng): Judgement[] {
  return runs
    .map((run) => ({ run, at: rng.next() }))
    .sort((x, y) => x.at - y.at)
    .map(({ run }) => run);
}

/**
 * A build that differs from itself, by anything that decides, also where the decision as a whole is left open for
 * another reason, such as an invariant that a short run did not exercise enough.
 */
export function isFalse({ differences }: Comparison): boolean {
  return differences.some(({ better }) => better !== null);
}
