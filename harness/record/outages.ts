import { roundMs, type WallClock } from '../model/clock.ts';
import type { Recorder } from '../model/run-context.ts';
import { UNPLANNED_OUTAGE } from '../model/tables.ts';
import { DatabaseAwayError, databaseError, TOO_MANY_CONNECTIONS } from '../system/postgres-client.ts';
import type { ServerLogRow } from './server-log.ts';

/** A full disk; the crash of another process of the server; a server that starts, shuts down or recovers. */
const SQLSTATES = new Set(['53100', '57P02', '57P03']);
/** The same in the logs of the stack's processes. */
const SAID = /No space left on device|\bDiskFull\b/;
/** No server answers, or it says that it is not well. */
const SURE = new Set(['ECONNREFUSED', ...SQLSTATES]);
/**
 * One that is silent for a moment is overloaded, or its machine is, and our connection alone may have been cut: so many
 * readings in a row must fail.
 */
const FAILED_MAX = 2;
/** After a planned fault of the database: as long as what it did may still be said. */
const AFTERMATH_MS = 10_000;
/** An outage is over when nothing has been said of it for so long and the database answers. */
const CALM_MS = 3_000;
/** Windows of the plan are numbered from 1. */
const FIRST_WINDOW = 100_001;

/**
 * Stands before the record, and writes down as a fault what the plan has not done: that the database was away, crashed,
 * or had no room on its disk. Such a fault says nothing about the build, and what came after it is no proof.
 */
export class Outages implements Recorder {
  readonly #record: Recorder;
  readonly #clock: WallClock;
  readonly #planned = new Set<unknown>();
  #plannedUntilMs = Number.NEGATIVE_INFINITY;
  #answeredMs: number;
  /** Before its first answer it was starting, which its log says, too. */
  #thereSinceMs = Number.POSITIVE_INFINITY;
  #failures = 0;
  #born: string | undefined;
  #open: OpenOutage | undefined;
  #saidMs = 0;
  #windows = 0;

  constructor(record: Recorder, clock: WallClock) {
    this.#record = record;
    this.#clock = clock;
    this.#answeredMs = clock.now();
  }

  append(table: Parameters<Recorder['append']>[0], row: object): void {
    this.#record.append(table, row);
    if (table === 'faults') this.#takeFault(row as PlannedRow);
    if (table === 'server_log') this.#takeLog(row as ServerLogRow);
  }

  flush(): Promise<void> {
    return this.#record.flush();
  }

  get behindMs(): number {
    return this.#record.behindMs;
  }

  /** The database has answered a reading. `born`: when its processes were started. */
  answered(born: string): void {
    if (born !== (this.#born ?? born)) this.#say(this.#answeredMs, 'the database was restarted');
    this.#born = born;
    this.#answeredMs = this.#clock.now();
    this.#thereSinceMs = Math.min(this.#thereSinceMs, this.#answeredMs);
    this.#failures = 0;
    if (this.#open && this.#answeredMs - this.#saidMs > CALM_MS) this.#close(this.#open);
  }

  /** It has not. `isSure`: it was asked for long enough. */
  failed(error: unknown, { isSure = false } = {}): void {
    const away = databaseError(error);
    // All connections taken is what a build may do to a database that is well.
    if (!(away instanceof DatabaseAwayError) || away.code === TOO_MANY_CONNECTIONS) return;
    this.#failures++;
    if (isSure || SURE.has(away.code ?? '') || this.#failures >= FAILED_MAX) this.#say(this.#answeredMs, away.message);
  }

  #takeFault({ victim, window, closed_ms }: PlannedRow): void {
    if (victim !== 'postgres') return;
    if (closed_ms === null) this.#planned.add(window);
    else {
      this.#planned.delete(window);
      this.#plannedUntilMs = closed_ms + AFTERMATH_MS;
    }
  }

  #takeLog({ source, severity, sqlstate, message, at_ms }: ServerLogRow): void {
    const isPostgres = source === 'postgres';
    const isAway = severity === 'PANIC' || SQLSTATES.has(sqlstate ?? '');
    // Of a line of Airflow only these words: of a target no text of others is kept.
    const said = isPostgres ? isAway && message : SAID.exec(message)?.[0];
    if (typeof said === 'string' && source !== 'harness' && at_ms >= this.#thereSinceMs)
      this.#say(at_ms, `${isPostgres ? 'the database' : source} says: ${said}`);
  }

  #say(atMs: number, detail: string): void {
    this.#saidMs = this.#clock.now();
    if (this.#planned.size > 0 || atMs < this.#plannedUntilMs || this.#open) return;
    // What came since its last answer may have come of it.
    const opened_ms = roundMs(Math.min(atMs, this.#answeredMs));
    this.#open = { window: FIRST_WINDOW + this.#windows++, opened_ms, detail };
    this.#write(this.#open, null);
  }

  #close(open: OpenOutage): void {
    this.#open = undefined;
    this.#write(open, roundMs(this.#answeredMs));
  }

  #write(open: OpenOutage, closed_ms: number | null): void {
    const what = { fault: UNPLANNED_OUTAGE, victim: 'postgres', cuts_connections: true, skews_clocks: false };
    this.#record.append('faults', { ...open, ...what, closed_ms });
  }
}

interface OpenOutage {
  readonly window: number;
  readonly opened_ms: number;
  readonly detail: string;
}

interface PlannedRow {
  readonly victim: string;
  readonly window: number;
  readonly closed_ms: number | null;
}
