/**
 * Whether the harness takes more and more memory: one load that stays the same on the reference stack (over 500 requests a
 * second, forty new workers a second), for as long as is said, and the trend of the harness's memory after its warm-up. Of
 * five minutes each the median counts, and the most. A run that is there already is only read.
 *
 *     npm run bench:steady -- [--minutes 120] [--warm-up 20] [RUN]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { type OpenRun, openRun } from '../harness/judge/open-run.ts';
import type { Judgement } from '../harness/model/verdict.ts';
import { trendOf } from '../harness/statistics/trend.ts';
import { windtunnel } from '../scripts/judged-run.ts';
import { spread } from './spread.ts';

const SCENARIO = path.join(import.meta.dirname, 'steady-load.ts');
const BIN_MIN = 5;
/** Beside the load: to start, to become quiescent, and to judge some million requests. */
const SLACK_MS = 60 * 60_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { minutes: { type: 'string', default: '120' }, 'warm-up': { type: 'string', default: '20' } },
});

async function play(folder: string): Promise<void> {
  const flags = ['--build', 'reference', '--duration', `${values.minutes}m`, '--out', folder, '--quiet', '--json'];
  const said = await windtunnel(['run', SCENARIO, ...flags], Number(values.minutes) * 60_000 + SLACK_MS);
  const { verdict, assumptions } = JSON.parse(said) as Judgement;
  console.log(`verdict                   ${verdict}`);
  for (const { name, verdict, sentence } of assumptions) if (verdict !== 'pass') console.log(`  ${name}: ${sentence}`);
}

async function read(run: OpenRun): Promise<void> {
  const { operations, lives, load_s } = await run.row(`SELECT (SELECT count(*) FROM operations) AS operations,
    (SELECT count(*) FROM lives) AS lives, (load_ended_ms - load_started_ms) / 1000 AS load_s FROM load`);
  const perS = Number(operations) / Number(load_s);
  console.log(
    `load                      ${Math.round(Number(load_s) / 60)} minutes, ${perS.toFixed(0)} requests a second`,
  );
  console.log(`operations, lives         ${[operations, lives].map((n) => Number(n).toLocaleString('en')).join(', ')}`);
  const bins = await run.rows(`SELECT floor((at_ms - load_started_ms) / ${BIN_MIN * 60_000}) AS bin,
      median(value) / 1e6 AS middle, max(value) / 1e6 AS most
    FROM samples, load WHERE source = 'harness' AND metric = 'rss_bytes'
      AND at_ms BETWEEN load_started_ms + ${Number(values['warm-up']) * 60_000} AND load_ended_ms
    GROUP BY bin ORDER BY bin`);
  for (const of of ['middle', 'most'] as const) {
    const series = bins.map((bin) => ({ hours: (Number(bin.bin) * BIN_MIN) / 60, value: Number(bin[of]) }));
    const { per_hour, p_value, least_p } = trendOf([series]);
    const readings = `${spread(series.map(({ value }) => value))} MB of ${series.length} times ${BIN_MIN} minutes`;
    const slope = per_hour === null ? 'no slope' : `${per_hour.toFixed(1)} MB an hour, p = ${p_value.toFixed(2)}`;
    console.log(`memory, ${of.padEnd(18)}${readings}; ${slope}${least_p < 0.05 ? '' : ' (too few to say)'}`);
  }
}

const scratch = mkdtempSync(path.join(tmpdir(), 'wt-bench-steady-'));
try {
  const [folder = path.join(scratch, 'run')] = positionals;
  if (positionals.length === 0) await play(folder);
  const run = await openRun(folder);
  await read(run).finally(() => run.close());
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
