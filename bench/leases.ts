/**
 * What one run can hand to k6: the processor time of the harness for each request that a k6 sends, with its record. The
 * harness has one core; a k6 and the stub that answers it share the other, and are slower than it: what it could carry is
 * worked out from its share of the core.
 *
 *     npm run bench:leases -- [--seconds 20] [--rounds 3] [--vus 200] [--workers 2000]
 */
import { parseArgs } from 'node:util';
import { findK6 } from '../harness/fleet/engines/k6-binary.ts';
import { type Measured, play } from './self/play.ts';
import { spread } from './spread.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    rounds: { type: 'string', default: '3' },
    vus: { type: 'string', default: '200' },
    workers: { type: 'string', default: '2000' },
  },
});
const seconds = Number(values.seconds);
const { path } = await findK6();
const HEARTBEAT_MS = 5_000;
const HANDED_PER_S = 200;

async function rounds(title: string, lives: number, lifeMs: number): Promise<void> {
  const all: Measured[] = [];
  const livesPerS = lifeMs > 0 ? HANDED_PER_S : 0;
  const warmUpS = 10 + (livesPerS > 0 ? Math.ceil(lives / livesPerS) + HEARTBEAT_MS / 1000 : 0);
  const shared = { lives, livesPerS, seconds, warmUpS, heartbeatMs: HEARTBEAT_MS, connections: 64 };
  const long = (warmUpS + seconds + 60) * 1000;
  for (let round = 0; round < Number(values.rounds); round++) {
    all.push(await play({ ...shared, lifeMs: lifeMs > 0 ? long : 0, k6: { path, vus: lives } }));
  }
  console.log(`${title} (least / median / most of ${all.length})`);
  console.log(`  live workers                 ${spread(all.map((one) => one.live))}`);
  console.log(`  requests a second            ${spread(all.map((one) => one.requests_per_s))}`);
  console.log(
    `  harness: share of its core   ${spread(
      all.map((one) => one.cpu_share * 100),
      1,
    )} %`,
  );
  console.log(
    `  harness: CPU a request       ${spread(all.map((one) => (one.cpu_share / one.requests_per_s) * 1e6))} µs`,
  );
  console.log(
    `  so a core carries            ${spread(all.map((one) => one.requests_per_s / one.cpu_share))} requests/s`,
  );
  console.log(`  harness: memory              ${spread(all.map((one) => one.rss_bytes / 1e6))} MB`);
  const failed = all.reduce((sum, one) => sum + one.failed, 0);
  if (failed > 0) console.log(`  ${failed} requests failed`);
}

await rounds(`${values.vus} VUs with short lives of four requests`, Number(values.vus), 0);
await rounds(`${values.workers} VUs that beat every ${HEARTBEAT_MS / 1000} s`, Number(values.workers), 1);
