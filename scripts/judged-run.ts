import { existsSync, rmSync } from 'node:fs';
import path from 'node:path';

import type { Judgement } from '../harness/model/verdict.ts';
import { windtunnel } from './windtunnel.ts';

/** The judgement of a run: of the stored one in this folder, judged again, or of one made now. */
export async function judgedRun(
  folder: string,
  { scenario, build, seed }: { readonly scenario: string; readonly build: string; readonly seed: number },
): Promise<Judgement> {
  const stored = existsSync(path.join(folder, 'verdict.json'));
  if (!stored) rmSync(folder, { recursive: true, force: true });
  const args = stored
    ? ['check', folder, '--json']
    : ['run', scenario, '--build', build, '--seed', String(seed), '--out', folder, '--json'];
  return JSON.parse(await windtunnel(args)) as Judgement;
}
