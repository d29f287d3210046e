import { execFile } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Judgement } from '../harness/model/verdict.ts';

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

const PROGRAM = path.join(import.meta.dirname, '..', 'bin', 'windtunnel.mjs');
/** Far beyond what a few runs of a minute take, with their stacks' starts and ends. */
const DEADLINE_MS = 15 * 60_000;

/**
 * What the command prints, as a user would start it, whatever it finds: 0, 1 and 3 are verdicts. Rejects with its last
 * word for any other end.
 */
function windtunnel(args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { timeout: DEADLINE_MS, maxBuffer: 2 ** 26 };
    execFile(process.execPath, [PROGRAM, ...args], options, (error, stdout, stderr) => {
      if (error === null || error.code === 1 || error.code === 3) resolve(stdout);
      else reject(new Error(`windtunnel ${args.join(' ')}: ${stderr.trim().split('\n').at(-1) ?? error.message}`));
    });
  });
}
