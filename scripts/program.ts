import { execFile } from 'node:child_process';

import { WINDTUNNEL } from '../harness/system/installation.ts';

/** Far beyond what a question takes. */
const QUERY_MS = 5 * 60_000;

/**
 * What the command prints, as a user would start it, whatever it finds: 0, 1 and 3 are verdicts. Rejects with its last
 * word for any other end, or when it takes longer than the deadline.
 */
export function windtunnel(args: readonly string[], deadlineMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { timeout: deadlineMs, maxBuffer: 2 ** 26 };
    execFile(process.execPath, [WINDTUNNEL, ...args], options, (error, stdout, stderr) => {
      if (error === null || error.code === 1 || error.code === 3) resolve(stdout);
      else reject(new Error(`windtunnel ${args.join(' ')}: ${stderr.trim().split('\n').at(-1) ?? error.message}`));
    });
  });
}

/** The rows of `windtunnel query`. */
export async function queried(folder: string, sql: string): Promise<Record<string, unknown>[]> {
  return JSON.parse(await windtunnel(['query', folder, sql, '--json'], QUERY_MS)) as Record<string, unknown>[];
}
