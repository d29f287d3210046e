/**
 * What one core carries, the record included: memory and lateness of so many live workers that beat every 5 s, and how
 * many requests of short lives are sent a second. The harness has one core, a stub that answers at once the other.
 *
 *     npm run bench:fleet -- [--workers 10000,50000] [--seconds 30] [--rounds 3] [--connections 1024]
 *     npm run bench:leases -- [--workers 2000] [--seconds 20] [--rounds 3] [--vus 200]
 *
 * bench:leases has the lives played by a k6 beside the stub, which is slower than the harness: what the harness could
 * hand out and record is worked out from its share of the core.
 */

import { findK6 } from '../harness/fleet/engines/k6-binary.ts';
import { flagsOf } from '../scripts/flags.ts';
import { type Measured, play } from './self/play.ts';
import { spread } from './spread.ts';

const { values } = flagsOf({
  options: {
    k6: { type: 'boolean', default: false },
    workers: { type: 'string' },
    seconds: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    connections: { type: 'string' },
    vus: { type: 'string', default: '200' },
  },
});
const HEARTBEAT_MS = 5_000;
const k6 = values.k6 ? await findK6() : undefined;
const seconds = Number(values.seconds ?? (k6 ? 20 : 30));
const connections = Number(values.connections ?? (k6 ? 64 : 1024));
const handedPerS = k6 ? 200 : 1_500;
const shortLives = k6 ? Number(values.vus) : 64;

function measure(lives: number, kind: 'long' | 'short'): Promise<Measured> {
  const shared = { seconds, lives, heartbeatMs: HEARTBEAT_MS, connections };
  const played = k6 ? { ...shared, k6: { path: k6.path, vus: lives } } : shared;
  const starting = k6 ? 10 : 5;
  if (kind === 'short') return play({ ...played, warmUpS: starting, lifeMs: 0, livesPerS: 0 });
  const warmUpS = (k6 ? starting : 0) + Math.ceil(lives / handedPerS) + HEARTBEAT_MS / 1000;
  return play({ ...played, warmUpS, lifeMs: (warmUpS + seconds + 60) * 1000, livesPerS: handedPerS });
}

/** What is printed of a measurement: its unit, and how many digits after the point. */
const SHOWN: readonly (readonly [name: string, of: (one: Measured) => number, unit?: string, digits?: number])[] = [
  ['live workers', (one) => one.live],
  ['requests a second', (one) => one.requests_per_s],
  ['share of the core', (one) => one.cpu_share * 100, ' %', 1],
  ['CPU of a request', (one) => (one.cpu_share / one.requests_per_s) * 1e6, ' µs'],
  ['so a core carries', (one) => one.requests_per_s / one.cpu_share, ' requests/s'],
  ['memory', (one) => one.rss_bytes / 1e6, ' MB'],
  ['lateness p50', (one) => one.late_p50_ms ?? Number.NaN, ' ms', 2],
  ['lateness p99', (one) => one.late_p99_ms ?? Number.NaN, ' ms', 2],
  ['lateness max', (one) => one.late_max_ms ?? Number.NaN, ' ms'],
  ['longest pause of the loop', (one) => one.loop_max_ms, ' ms'],
];

async function rounds(title: string, workers: number, lives: 'long' | 'short'): Promise<void> {
  const all: Measured[] = [];
  for (let round = 0; round < Number(values.rounds); round++) all.push(await measure(workers, lives));
  console.log(`${title} (least / median / most of ${all.length})`);
  for (const [name, of, unit = '', digits] of SHOWN) {
    console.log(`  ${name.padEnd(26)}${spread(all.map(of), digits)}${unit}`);
  }
  const failed = all.reduce((sum, one) => sum + one.failed, 0);
  if (failed > 0) console.log(`  ${failed} requests failed`);
}

for (const workers of (values.workers ?? (k6 ? '2000' : '1000,10000,50000')).split(',').map(Number)) {
  await rounds(`${workers.toLocaleString('en')} workers that beat every ${HEARTBEAT_MS / 1000} s`, workers, 'long');
}
await rounds(`${shortLives} lives at once, each ending at once, the next as one ends`, shortLives, 'short');
