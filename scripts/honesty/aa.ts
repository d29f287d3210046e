import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { comparePair } from '../../harness/compare/compare.ts';
import type { Calibration } from '../../harness/model/calibration.ts';
import type { Comparison } from '../../harness/model/comparison.ts';
import { Rng } from '../../harness/model/rng.ts';
import type { Judgement } from '../../harness/model/verdict.ts';
import { windtunnel } from '../judged-run.ts';
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

/**
 * A defect each, with many violations: two sides without events cannot differ. The
 * scenario that shows it exercises it enough in 20 s.
 */
const PLAYED: readonly (readonly [build: string, scenario: string])[] = [
  ['reference+state-lock-joined', 'race-66734'],
  ['reference+rtif-merge', 'race-63581'],
  ['reference+skip-unguarded', 'race-63266'],
];

/** `windtunnel compare BUILD --aa`, so many times, each with two runs a side of 20 s and a seed of its own. */
export async function realPairs(pairs: number, seed: number, say: (line: string) => void): Promise<Comparison[]> {
  const results: Comparison[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    const [build = '', scenario = ''] = PLAYED[pair % PLAYED.length] ?? [];
    const folder = mkdtempSync(path.join(tmpdir(), 'windtunnel-aa-'));
    try {
      const own = ['--scenario', scenario, '--seed', String(1000 * seed + 2 * pair), '--out', folder];
      await windtunnel(['compare', build, '--aa', '--runs', '2', '--duration', '20s', ...own]);
      const comparison = JSON.parse(readFileSync(path.join(folder, 'compare.json'), 'utf8')) as Comparison;
      results.push(comparison);
      say(`${pair + 1} of ${pairs}: ${build}, ${scenario}: ${comparison.decision}`);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  return results;
}
