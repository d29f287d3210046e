/**
 * The same plan on the reference stack, its lives played by the native fleet and by two k6 processes with 2,000 VUs: both
 * verdicts, and how many requests of each kind both sent.
 *
 *     npm run bench:engines -- [--seed 3]
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { openRun } from '../harness/judge/open-run.ts';
import type { Judgement } from '../harness/model/verdict.ts';

const PROGRAM = path.join(import.meta.dirname, '..', 'bin', 'windtunnel.mjs');
const SCENARIO = path.join(import.meta.dirname, 'k6', 'two-thousand.ts');
const DEADLINE_MS = 10 * 60_000;
const { values } = parseArgs({ options: { seed: { type: 'string', default: '3' } } });

interface Played {
  readonly verdict: string;
  readonly live: number;
  readonly sent: ReadonlyMap<string, number>;
}

async function play(folder: string, engine: readonly string[]): Promise<Played> {
  const flags = ['--build', 'reference', '--seed', values.seed, '--out', folder, '--quiet', '--json', ...engine];
  const { verdict } = JSON.parse(await said(['run', SCENARIO, ...flags])) as Judgement;
  const run = await openRun(folder);
  try {
    const rows = await run.rows(
      "SELECT kind, count(*) AS n FROM operations WHERE actor = 'life' GROUP BY kind ORDER BY kind",
    );
    const { live } = await run.row("SELECT max(value) AS live FROM samples WHERE metric = 'live_lives'");
    return { verdict, live: Number(live), sent: new Map(rows.map(({ kind, n }) => [String(kind), Number(n)])) };
  } finally {
    await run.close();
  }
}

/** Whatever the verdict: 1 and 3 are verdicts, too. */
function said(args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [PROGRAM, ...args],
      { timeout: DEADLINE_MS, maxBuffer: 2 ** 26 },
      (error, stdout, stderr) => {
        if (error === null || error.code === 1 || error.code === 3) resolve(stdout);
        else reject(new Error(stderr.trim().split('\n').at(-1)));
      },
    );
  });
}

const scratch = mkdtempSync(path.join(tmpdir(), 'wt-bench-engines-'));
try {
  const native = await play(path.join(scratch, 'native'), []);
  const k6 = await play(path.join(scratch, 'k6'), ['--engine', 'k6', '--k6-processes', '2', '--vus', '2000']);
  console.log(`verdict      ${native.verdict}, ${k6.verdict} (native, k6)`);
  console.log(`live at most ${native.live}, ${k6.live}`);
  for (const [kind, ours] of native.sent) {
    const theirs = k6.sent.get(kind) ?? 0;
    const shift = `${theirs >= ours ? '+' : ''}${((100 * (theirs - ours)) / ours).toFixed(1)} %`;
    console.log(`${kind.padEnd(12)} ${ours.toLocaleString('en')}, ${theirs.toLocaleString('en')}: ${shift}`);
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
