/**
 * What the native fleet can carry on one core, its record included: the memory and the lateness of so many live workers
 * that beat every 5 s, and how many requests of short lives it sends a second. The fleet has one core, a stub that answers
 * at once the other.
 *
 *     npm run bench:fleet -- [--workers 10000,50000] [--seconds 30] [--rounds 3] [--connections 1024]
 */
import { parseArgs } from 'node:util';

import { type Measured, play } from './self/play.ts';
import { spread as spreadOf } from './spread.ts';

const { values } = parseArgs({
  options: {
    workers: { type: 'string', default: '1000,10000,50000' },
    seconds: { type: 'string', default: '30' },
    rounds: { type: 'string', default: '3' },
    connections: { type: 'string', default: '1024' },
  },
});
const HEARTBEAT_MS = 5_000;
const HANDED_PER_S = 1_500;
const seconds = Number(values.seconds);

function measure(lives: number, kind: 'long' | 'short'): Promise<Measured> {
  const shared = { seconds, lives, heartbeatMs: HEARTBEAT_MS, connections: Number(values.connections) };
  if (kind === 'short') return play({ ...shared, warmUpS: 5, lifeMs: 0, livesPerS: 0 });
  const warmUpS = Math.ceil(lives / HANDED_PER_S) + HEARTBEAT_MS / 1000;
  return play({ ...shared, warmUpS, lifeMs: (warmUpS + seconds + 60) * 1000, livesPerS: HANDED_PER_S });
}

function spread(all: readonly Measured[], of: (one: Measured) => number, digits: number): string {
  return spreadOf(all.map(of), digits);
}

async function rounds(title: string, workers: number, lives: 'long' | 'short'): Promise<void> {
  const all: Measured[] = [];
  for (let round = 0; round < Number(values.rounds); round++) all.push(await measure(workers, lives));
  console.log(`${title} (least / median / most of ${all.length})`);
  console.log(`  live workers              ${spread(all, (one) => one.live, 0)}`);
  console.log(`  requests a second         ${spread(all, (one) => one.requests_per_s, 0)}`);
  console.log(`  share of the core         ${spread(all, (one) => one.cpu_share * 100, 0)} %`);
  console.log(`  CPU of a request          ${spread(all, (one) => (one.cpu_share / one.requests_per_s) * 1e6, 0)} µs`);
  console.log(`  rows recorded a second    ${spread(all, (one) => one.rows_per_s, 0)}`);
  console.log(`  memory                    ${spread(all, (one) => one.rss_bytes / 1e6, 0)} MB`);
  console.log(`  lateness p50              ${spread(all, (one) => one.late_p50_ms ?? Number.NaN, 2)} ms`);
  console.log(`  lateness p99              ${spread(all, (one) => one.late_p99_ms ?? Number.NaN, 2)} ms`);
  console.log(`  lateness max              ${spread(all, (one) => one.late_max_ms ?? Number.NaN, 0)} ms`);
  console.log(`  longest pause of the loop ${spread(all, (one) => one.loop_max_ms, 0)} ms`);
  const failed = all.reduce((sum, one) => sum + one.failed, 0);
  if (failed > 0) console.log(`  ${failed} requests failed`);
}

for (const workers of values.workers.split(',').map(Number)) {
  await rounds(`${workers.toLocaleString('en')} workers that beat every ${HEARTBEAT_MS / 1000} s`, workers, 'long');
}
await rounds('64 lives at once, each over at once, the next as one ends', 64, 'short');
