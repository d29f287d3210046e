import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StackError } from '../../harness/model/errors.ts';
import type { SupervisedProcess } from '../../harness/model/stack.ts';
import { nodeArguments } from '../../harness/system/installation.ts';
import { freePorts } from '../../harness/system/ports.ts';
import { ProcessTable, type SpawnOptions } from '../../harness/system/process-table.ts';

/** Beside warming up and measuring: to read the code, to hand over, to end. */
const SLACK_S = 60;
/** The player closes its record after its last life. */
const SLOW_END_MS = 20_000;

/** What the player gets. */
export interface Play {
  readonly socket: string;
  readonly port: number;
  readonly warmUpS: number;
  readonly seconds: number;
  readonly heartbeatMs: number;
  /** How long each life works; 0: it reports its end at once. */
  readonly lifeMs: number;
  readonly connections: number;
  /** Played by a k6 beside the stub: then what is measured only hands out lives and records. */
  readonly k6?: { readonly path: string; readonly vus: number };
}

export interface Measured {
  /** Lives at work at the end. */
  readonly live: number;
  readonly requests_per_s: number;
  readonly failed: number;
  /** Of one core. */
  readonly cpu_share: number;
  readonly rss_bytes: number;
  readonly late_p50_ms: number | null;
  readonly late_p99_ms: number | null;
  readonly late_max_ms: number | null;
  readonly loop_max_ms: number;
}

export interface PlayRequest extends Omit<Play, 'socket' | 'port'> {
  readonly lives: number;
  /** Handed over a second; 0: so many lives at once, the next as one ends. */
  readonly livesPerS: number;
}

/** One measurement: the fleet on one core, and on another the stub that answers it at once. Leaves nothing. */
export async function play({ lives, livesPerS, ...rest }: PlayRequest): Promise<Measured> {
  const table = new ProcessTable(`self-${randomBytes(3).toString('hex')}`);
  try {
    const folder = table.folder(path.join(tmpdir(), `wt-${table.id}`));
    const socket = path.join(folder, 'hand-off.sock');
    const [port = 0] = await freePorts(1);
    const result = path.join(folder, 'measured.json');
    const log = path.join(folder, 'log');
    const options = { env: process.env, cwd: folder, log, isOurs: true };
    const given: Play = { ...rest, socket, port };
    const player = startPinned(table, 0, 'player.ts', [result, JSON.stringify(given)], options);
    const stub = startPinned(table, 1, 'stub.ts', [socket, port, lives, livesPerS].map(String), options);
    const how = await Promise.race([
      player.ended,
      // It ends with the fleet, too; then the fleet has written what it measured.
      stub.ended.then(async (how) =>
        Promise.race([player.ended, sleep(SLOW_END_MS, `was left alone: its server ${how}`, { ref: false })]),
      ),
      sleep((rest.warmUpS + rest.seconds + SLACK_S) * 1000, 'took too long', { ref: false }),
    ]);
    if (existsSync(result)) return JSON.parse(readFileSync(result, 'utf8')) as Measured;
    throw new StackError(`The fleet that was to be measured ${how}. It said: ${lastWords(log)}`);
  } finally {
    await table.close();
  }
}

/** On one core where that can be said and there are two; else wherever the system puts it. */
function startPinned(
  table: ProcessTable,
  core: number,
  script: string,
  args: readonly string[],
  options: SpawnOptions,
): SupervisedProcess {
  const own = [...nodeArguments(path.join(import.meta.dirname, script)), ...args];
  const canPin = availableParallelism() > 1 && spawnSync('taskset', ['--version']).status === 0;
  const name = script.replace('.ts', '');
  if (!canPin) return table.start(name, process.execPath, own, options);
  return table.start(name, 'taskset', ['-c', String(core), process.execPath, ...own], options);
}

function lastWords(log: string): string {
  return readFileSync(log, 'utf8').trim().split('\n').slice(-3).join(' ') || 'nothing';
}
