import { execFile } from 'node:child_process';
import path from 'node:path';

const PROGRAM = path.join(import.meta.dirname, '..', 'bin', 'windtunnel.mjs');

/**
 * What the command prints, as a user would start it, whatever it finds: 0, 1 and 3 are verdicts. Rejects with its last
 * word for any other end, or when it takes longer than the deadline.
 */
export function windtunnel(args: readonly string[], deadlineMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { timeout: deadlineMs, maxBuffer: 2 ** 26 };
    execFile(process.execPath, [PROGRAM, ...args], options, (error, stdout, stderr) => {
      if (error === null || error.code === 1 || error.code === 3) resolve(stdout);
      else reject(new Error(`windtunnel ${args.join(' ')}: ${stderr.trim().split('\n').at(-1) ?? error.message}`));
    });
  });
}
