/**
 * What the native fleet can carry on one core, its record included: the memory and the lateness of so many live workers
 * that beat every 5 s, and how many requests of short lives it sends a second. The fleet has one core, a stub that answers
 * at once the other.
 *
 *     npm run bench:fleet -- [--workers 10000,50000] [--seconds 30] [--rounds 3] [--connections 1024]
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    workers: { type: 'string', default: '1000,10000,50000' },
    seconds: { type: 'string', default: '30' },
    rounds: { type: 'string', default: '3' },
    connections: { type: 'string', default: '1024' },
  },
});
const HERE = path.join(import.meta.dirname, 'fleet');
const HEARTBEAT_MS = 5_000;
const HANDED_PER_S = 1_500;
const seconds = Number(values.seconds);

interface Measured {
  readonly live: number;
  readonly requests_per_s: number;
  readonly failed: number;
  readonly cpu_share: number;
  readonly rss_bytes: number;
  readonly late_p50_ms: number;
  readonly late_p99_ms: number;
  readonly late_max_ms: number;
  readonly loop_max_ms: number;
}

/** On one core; elsewhere than Linux wherever the system puts it. */
function pinned(core: number, script: string, args: readonly (string | number)[]): ChildProcess {
  const command = [process.execPath, '--import', 'tsx', path.join(HERE, script), ...args.map(String)];
  const [program = '', ...rest] = process.platform === 'linux' ? ['taskset', '-c', String(core), ...command] : command;
  return spawn(program, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
}

async function measure(workers: number, lives: 'long' | 'short'): Promise<Measured> {
  const folder = mkdtempSync(path.join(tmpdir(), 'wt-bench-'));
  const socket = path.join(folder, 'hand-off.sock');
  const port = 20_000 + (process.pid % 10_000);
  const warmUpS = lives === 'long' ? Math.ceil(workers / HANDED_PER_S) + HEARTBEAT_MS / 1000 : 5;
  const lastsMs = lives === 'long' ? (warmUpS + seconds + 60) * 1000 : 0;
  const player = pinned(0, 'player.ts', [socket, port, warmUpS, seconds, HEARTBEAT_MS, lastsMs, values.connections]);
  const deadline = setTimeout(() => player.kill('SIGKILL'), (warmUpS + seconds + 120) * 1000);
  let stub: ChildProcess | undefined;
  try {
    for await (const line of createInterface({ input: player.stdout as NodeJS.ReadableStream })) {
      if (line === 'ready') stub = pinned(1, 'stub.ts', [socket, port, workers, lives === 'long' ? HANDED_PER_S : 0]);
      else return JSON.parse(line) as Measured;
    }
    throw new Error('the fleet ended without a word');
  } finally {
    if (player.exitCode === null) await once(player, 'exit');
    clearTimeout(deadline);
    stub?.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

function spread(all: readonly Measured[], of: (one: Measured) => number, digits: number): string {
  const sorted = all.map(of).sort((a, b) => a - b);
  const shown = [sorted[0], sorted[Math.floor(sorted.length / 2)], sorted.at(-1)];
  return shown.map((n) => (n ?? Number.NaN).toFixed(digits)).join(' / ');
}

async function rounds(title: string, workers: number, lives: 'long' | 'short'): Promise<void> {
  const all: Measured[] = [];
  for (let round = 0; round < Number(values.rounds); round++) all.push(await measure(workers, lives));
  console.log(`${title} (least / median / most of ${all.length})`);
  console.log(`  live workers              ${spread(all, (one) => one.live, 0)}`);
  console.log(`  requests a second         ${spread(all, (one) => one.requests_per_s, 0)}`);
  console.log(`  share of the core         ${spread(all, (one) => one.cpu_share * 100, 0)} %`);
  console.log(`  CPU of a request          ${spread(all, (one) => (one.cpu_share / one.requests_per_s) * 1e6, 0)} µs`);
  console.log(`  memory                    ${spread(all, (one) => one.rss_bytes / 1e6, 0)} MB`);
  console.log(`  lateness p50              ${spread(all, (one) => one.late_p50_ms, 2)} ms`);
  console.log(`  lateness p99              ${spread(all, (one) => one.late_p99_ms, 2)} ms`);
  console.log(`  lateness max              ${spread(all, (one) => one.late_max_ms, 0)} ms`);
  console.log(`  longest pause of the loop ${spread(all, (one) => one.loop_max_ms, 0)} ms`);
  const failed = all.reduce((sum, one) => sum + one.failed, 0);
  if (failed > 0) console.log(`  ${failed} requests failed`);
}

for (const workers of values.workers.split(',').map(Number)) {
  await rounds(`${workers.toLocaleString('en')} workers that beat every ${HEARTBEAT_MS / 1000} s`, workers, 'long');
}
await rounds('64 lives at once, each over at once, the next as one ends', 64, 'short');
