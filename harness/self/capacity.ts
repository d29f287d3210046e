import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import path from 'node:path';
import { play } from '../../bench/self/play.ts';
import { isRecord } from '../model/json.ts';
import type { Capacity } from '../model/manifest.ts';
import { cacheFolder } from '../system/folders.ts';

/** As Airflow's own workers do it by default. */
const HEARTBEAT_MS = 5_000;
const WORKERS = 3_000;
const HANDED_PER_S = 1_500;
const SHORT_LIVES_AT_ONCE = 64;
const CONNECTIONS = 1_024;
const WARM_UP_S = 2;
/** Until all workers are there and have begun to beat. */
const GATHERING_S = Math.ceil(WORKERS / HANDED_PER_S) + 1;
/** Of a core. Nearer to all of it, heartbeats queue behind one another and are late. */
const SUSTAINABLE_SHARE = 0.7;

export interface CapacityRequest {
  /** Of each of the two measurements. */
  readonly seconds: number;
  readonly signal: AbortSignal;
  progress(phase: string): void;
}

/** What this machine's harness can do when nothing else runs. */
export async function measureCapacity({ seconds, signal, progress }: CapacityRequest): Promise<Capacity> {
  const shared = { seconds, heartbeatMs: HEARTBEAT_MS, connections: CONNECTIONS, signal };
  progress('short lives, as fast as they go');
  const short = await play({ ...shared, warmUpS: WARM_UP_S, lifeMs: 0, lives: SHORT_LIVES_AT_ONCE, livesPerS: 0 });
  progress(`${WORKERS.toLocaleString('en-US')} workers that beat every ${HEARTBEAT_MS / 1000} s`);
  const lifeMs = (GATHERING_S + seconds) * 2_000;
  const long = await play({ ...shared, warmUpS: GATHERING_S, lifeMs, lives: WORKERS, livesPerS: HANDED_PER_S });
  const cpuOfBeatS = long.cpu_share / long.requests_per_s;
  return {
    requests_per_s: Math.round(short.requests_per_s),
    live_workers: Math.round((SUSTAINABLE_SHARE * HEARTBEAT_MS) / 1000 / cpuOfBeatS),
    late_p99_ms: rounded(long.late_p99_ms ?? 0),
    longest_pause_ms: rounded(long.loop_max_ms),
    recorder_rows_per_s: Math.round(Math.max(short.rows_per_s, long.rows_per_s)),
    measured_at: new Date().toISOString(),
  };
}

/** For the runs to come on this machine. */
export function keepCapacity(capacity: Capacity): void {
  const file = capacityFile();
  mkdirSync(path.dirname(file), { recursive: true });
  const next = `${file}.${process.pid}.next`;
  writeFileSync(next, `${JSON.stringify({ machine: machine(), capacity }, null, 2)}\n`);
  renameSync(next, file);
}

/** What was measured on a machine like this one; a cache folder may have come from another. */
export function keptCapacity(): Capacity | undefined {
  try {
    const kept: unknown = JSON.parse(readFileSync(capacityFile(), 'utf8'));
    if (!isRecord(kept) || JSON.stringify(kept.machine) !== JSON.stringify(machine())) return undefined;
    return isCapacity(kept.capacity) ? kept.capacity : undefined;
  } catch {
    return undefined; // Never measured.
  }
}

function isCapacity(value: unknown): value is Capacity {
  return isRecord(value) && typeof value.requests_per_s === 'number' && typeof value.measured_at === 'string';
}

function capacityFile(): string {
  return path.join(cacheFolder(), 'bench-self.json');
}

function machine(): Readonly<Record<string, string | number>> {
  const all = cpus();
  return { cpus: all.length, model: all[0]?.model ?? '', arch: process.arch, node: process.version };
}

function rounded(ms: number): number {
  return Math.round(ms * 10) / 10;
}
