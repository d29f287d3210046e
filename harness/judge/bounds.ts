import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';

import type { DuckDBConnection } from '@duckdb/node-api';

import { durationMs } from '../model/duration.ts';
import { UsageError } from '../model/errors.ts';

/** Judging shares the machine with whatever else runs there; beyond this DuckDB spills to disk, or gives up. */
const MEMORY = '512MB';
/** A record of a million requests takes half a minute and two gigabytes; a file made to take more is not judged. */
const TIME = '1h';
const DISK = '20GB';

const LOOK_MS = 500;
/** A query that begins after the limit is interrupted, too. */
const AGAIN_MS = 50;

/** With less a table cannot even be opened. */
const LEAST_MEMORY = 32e6;

/** What DuckDB may take. UsageError: WINDTUNNEL_MEMORY is no size, or too little. */
export function memoryLimit(): string {
  const { WINDTUNNEL_MEMORY: wanted = MEMORY } = process.env;
  if ((bytesOf(wanted) ?? 0) >= LEAST_MEMORY) return wanted;
  throw new UsageError(`WINDTUNNEL_MEMORY must be a size from 32MB, such as 512MB or 4GB, not "${wanted}".`);
}

/** What DuckDB may write to its temporary folder. UsageError: WINDTUNNEL_DISK is no size. */
export function diskLimit(): { readonly text: string; readonly bytes: number } {
  const { WINDTUNNEL_DISK: text = DISK } = process.env;
  const bytes = bytesOf(text);
  if (!bytes) throw new UsageError(`WINDTUNNEL_DISK must be a size such as 500MB or 20GB, not "${text}".`);
  return { text, bytes };
}

/** `512MB`, `4 GiB`; undefined for anything else. */
function bytesOf(text: string): number | undefined {
  const { amount, unit } = /^(?<amount>\d+(\.\d+)?) ?(?<unit>[MG])i?B$/i.exec(text)?.groups ?? {};
  return amount === undefined ? undefined : Number(amount) * (/m/i.test(unit ?? '') ? 1e6 : 1e9);
}

/** How long a run may be judged, or a query last. UsageError: WINDTUNNEL_TIME is no duration. */
export function timeLimit(): { readonly text: string; readonly ms: number } {
  const { WINDTUNNEL_TIME: text = TIME } = process.env;
  const ms = durationMs(text);
  if (ms) return { text, ms };
  throw new UsageError(`WINDTUNNEL_TIME must be a duration such as 90s or 2h, not "${text}".`);
}

/** UsageError: one of the limits that the environment may set is none. */
export function checkLimits(): void {
  const problems: string[] = [];
  for (const check of [memoryLimit, diskLimit, timeLimit]) {
    try {
      check();
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      problems.push(error.message);
    }
  }
  if (problems.length > 0) throw new UsageError(problems.join('\n'));
}

/**
 * Interrupts all that DuckDB does for one run when that takes longer, or more of the disk, than it may: what is judged
 * may have been made to take for ever.
 */
export class Bounds {
  readonly #connections = new Set<DuckDBConnection>();
  readonly #timers: NodeJS.Timeout[];
  #over: UsageError | undefined;

  /** `what` is bounded: a run folder. `scratch`: the folder that DuckDB writes to; undefined where it has none. */
  constructor(what: string, scratch: string | undefined) {
    const time = timeLimit();
    const disk = diskLimit();
    const tooLong = () => {
      this.#end(`${what} took longer than ${time.text}: allow more, as in WINDTUNNEL_TIME=4h.`);
    };
    const look = () => {
      if (scratch !== undefined && sizeOf(scratch) > disk.bytes)
        this.#end(`${what} took more than ${disk.text} of the disk: allow more, as in WINDTUNNEL_DISK=100GB.`);
    };
    this.#timers = [setTimeout(tooLong, Math.min(time.ms, 2 ** 31 - 1)), setInterval(look, LOOK_MS)];
    for (const timer of this.#timers) timer.unref();
  }

  get over(): UsageError | undefined {
    return this.#over;
  }

  /** Every connection that is to be interrupted. */
  bound(connection: DuckDBConnection): DuckDBConnection {
    this.#connections.add(connection);
    return connection;
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#connections.clear();
  }

  #end(why: string): void {
    if (this.#over) return;
    this.#over = new UsageError(why);
    const interrupt = () => {
      for (const connection of this.#connections) connection.interrupt();
    };
    interrupt();
    this.#timers.push(setInterval(interrupt, AGAIN_MS).unref());
  }
}

/** DuckDB has its files side by side. */
function sizeOf(folder: string): number {
  let bytes = 0;
  for (const name of readdirSync(folder)) {
    bytes += statSync(path.join(folder, name), { throwIfNoEntry: false })?.size ?? 0;
  }
  return bytes;
}
