/**
 * The same plan on the reference stack, its lives played by the native fleet and by two k6 processes with 2,000 VUs: both
 * verdicts, and how many requests of each kind both sent.
 *
 *     npm run bench:engines -- [--seed 3]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { openRun } from '../harness/judge/open-run.ts';
import type { Judgement } from '../harness/model/verdict.ts';
import { windtunnel } from '../scripts/windtunnel.ts';

const SCENARIO = path.join(import.meta.dirname, 'k6', 'two-thousand.ts');
const { values } = parseArgs({ options: { seed: { type: 'string', default: '3' } } });

interface Played {
  readonly verdict: string;
  readonly live: number;
  readonly sent: ReadonlyMap<string, number>;
}

async function play(folder: string, engine: readonly string[]): Promise<Played> {
  const flags = ['--build', 'reference', '--seed', values.seed, '--out', folder, '--quiet', '--json', ...engine];
  const { verdict } = JSON.parse(await windtunnel(['run', SCENARIO, ...flags])) as Judgement;
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
