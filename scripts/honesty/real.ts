import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import type { Comparison } from '../../harness/model/comparison.ts';
import { windtunnel } from '../windtunnel.ts';

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
      const flags = [
        '--scenario',
        scenario,
        '--aa',
        '--runs',
        '2',
        '--duration',
        '20s',
        '--seed',
        String(1000 * seed + 2 * pair),
      ];
      await windtunnel(['compare', build, ...flags, '--out', folder]);
      const comparison = JSON.parse(readFileSync(path.join(folder, 'compare.json'), 'utf8')) as Comparison;
      results.push(comparison);
      say(`${pair + 1} of ${pairs}: ${build}, ${scenario}: ${comparison.decision}`);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  return results;
}
