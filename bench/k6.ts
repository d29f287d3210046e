/**
 * How many requests of short lives the fleet sends a second on one core, with its record, beside what the real k6 sends of
 * the same lives without any. Each has one core in turn, the same stub that answers at once the other; the order of the two
 * alternates.
 *
 *     npm run bench:k6 -- [--seconds 15] [--rounds 3] [--lives 64]
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { findK6, K6_RUN } from '../harness/fleet/engines/k6-binary.ts';
import { freePorts } from '../harness/system/ports.ts';
import { readProcessStats } from '../harness/system/proc.ts';
import { ProcessTable } from '../harness/system/process-table.ts';
import { play, startPinned } from './self/play.ts';
import { spread } from './spread.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '15' },
    rounds: { type: 'string', default: '3' },
    lives: { type: 'string', default: '64' },
  },
});
const seconds = Number(values.seconds);
const lives = Number(values.lives);
const SCRIPT = path.join(import.meta.dirname, 'k6', 'lives.ts');
const SLACK_S = 60;

interface Speed {
  readonly requests_per_s: number;
  readonly rss_bytes: number;
}

function fleet(): Promise<Speed> {
  return play({ seconds, lives, warmUpS: 5, heartbeatMs: 5_000, lifeMs: 0, livesPerS: 0, connections: 1024 });
}

async function k6(): Promise<Speed> {
  const { path: program } = await findK6();
  const table = new ProcessTable(`bench-${randomBytes(3).toString('hex')}`);
  try {
    const folder = table.folder(path.join(tmpdir(), `wt-${table.id}`));
    const [port = 0] = await freePorts(1);
    const options = { cwd: folder, log: path.join(folder, 'log'), env: process.env };
    startPinned(table, 1, 'stub.ts', ['', String(port), '0', '0'], options);
    await sleep(2_000);
    const summary = path.join(folder, 'summary.json');
    const args = [...K6_RUN, '--summary-export', summary, SCRIPT];
    const url = `http://127.0.0.1:${port}/execution`;
    // One core is one thread of Go's, too.
    const env = { ...process.env, GOMAXPROCS: '1', URL: url, VUS: String(lives), SECONDS: String(seconds) };
    const running = table.start('k6', 'taskset', ['-c', '0', program, ...args], { ...options, env });
    let rss_bytes = 0;
    const watch = setInterval(() => {
      rss_bytes = Math.max(rss_bytes, readProcessStats([running.pid]).get(running.pid)?.rssBytes ?? 0);
    }, 250);
    const how = await Promise.race([running.ended, sleep((seconds + SLACK_S) * 1000, 'took too long')]);
    clearInterval(watch);
    if (how !== 'ended with code 0') throw new Error(`k6 ${how}: ${readFileSync(options.log, 'utf8').slice(-500)}`);
    const { metrics } = JSON.parse(readFileSync(summary, 'utf8')) as {
      readonly metrics: {
        readonly http_reqs: { readonly count: number };
        readonly http_req_failed: { readonly value: number };
      };
    };
    if (metrics.http_req_failed.value > 0) throw new Error('requests of k6 failed');
    return { requests_per_s: metrics.http_reqs.count / seconds, rss_bytes };
  } finally {
    await table.close();
  }
}

const speeds = { fleet: [] as Speed[], k6: [] as Speed[] };
const ratios: number[] = [];
for (let round = 0; round < Number(values.rounds); round++) {
  const order = round % 2 === 0 ? (['fleet', 'k6'] as const) : (['k6', 'fleet'] as const);
  for (const who of order) speeds[who].push(await { fleet, k6 }[who]());
  const [ours, theirs] = [speeds.fleet.at(-1), speeds.k6.at(-1)];
  if (ours && theirs) ratios.push(ours.requests_per_s / theirs.requests_per_s);
}

console.log(
  `${lives} short lives at once, four requests each, on one core (least / median / most of ${values.rounds})`,
);
console.log(
  `  windtunnel, record on   ${spread(speeds.fleet.map((one) => one.requests_per_s))} requests/s, ${spread(speeds.fleet.map((one) => one.rss_bytes / 1e6))} MB`,
);
console.log(
  `  k6, no history          ${spread(speeds.k6.map((one) => one.requests_per_s))} requests/s, ${spread(speeds.k6.map((one) => one.rss_bytes / 1e6))} MB`,
);
console.log(`  windtunnel to k6        ${spread(ratios, 2)}`);
