import { roundMs, type WallClock } from '../../model/clock.ts';
import { messageOf } from '../../model/errors.ts';
import type { Operation } from '../../model/operation.ts';
import { note, type Recorder } from '../../model/run-context.ts';
import type { Sighting, SightingKind } from '../../model/sighting.ts';
import type { TableName } from '../../model/tables.ts';
import type { DatabaseClock } from '../database-clock.ts';
import type { ServerLogRow } from '../server-log.ts';
import { Backfills } from './backfills.ts';
import { type ActionWords, lookAtDeadlock } from './deadlock.ts';
import type { Inquiry, Spotted } from './inquiry.ts';
import { type CommittedRow, type FaultRow, type NamedBackend, RecentRows } from './recent.ts';
import { lookAtHeartbeat, lookAtRenderedFields, lookAtServerError } from './refusals.ts';

/** The answer, the commit and the log record of one moment come by three ways: so long it takes until all are here. */
const WAIT_MS = 1_500;
/** The other side of a deadlock is named when its request is answered, which on a busy server takes longer. */
const SIDES_WAIT_MS = 4_000;
const LOOK_EVERY_MS = 250;
/** Suspicions of one kind at a time: a server that fails every request must not hold up the run. */
const MOST_OPEN = 20;

export interface SightingsOptions {
  readonly record: Recorder;
  readonly clock: WallClock;
  /** Absent: the clock of this machine. */
  readonly databaseClock?: Pick<DatabaseClock, 'offsetMs'>;
  readonly actions: ActionWords;
  /** Called once for each kind. */
  readonly say: (sighting: Sighting) => void;
}

interface Suspicion {
  readonly kind: SightingKind;
  readonly untilMs: number;
  readonly look: Inquiry;
}

/**
 * A recorder that reads what it passes on: the first deadlock, the first 5xx and so on are put into a sentence, with
 * the cause, as soon as the record has it. Nothing here is a verdict: the judge confirms each sentence, or takes it
 * back. A row costs a comparison and a place in a ring; `bench/sightings.ts` measures it.
 */
export class Sightings implements Recorder {
  readonly #options: SightingsOptions;
  readonly #recent = new RecentRows();
  readonly #backfills = new Backfills();
  readonly #said = new Set<SightingKind>();
  #open: Suspicion[] = [];
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();

  constructor(options: SightingsOptions) {
    this.#options = options;
  }

  append(table: TableName | `final_${string}`, row: object): void {
    this.#options.record.append(table, row);
    if (table === 'operations') this.#operation(row as Operation);
    else if (table === 'commits') this.#commit(row as CommittedRow);
    else if (table === 'server_log') this.#log(row as ServerLogRow);
    else if (table === 'backends' || table === 'lock_waits') this.#recent.takeName(row as NamedBackend);
    else if (table === 'faults') this.#recent.takeFault(row as FaultRow);
  }

  flush(): Promise<void> {
    return this.#options.record.flush();
  }

  get behindMs(): number {
    return this.#options.record.behindMs;
  }

  /** Says what can be said by now. Call when no more rows come. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#lookAll(true);
  }

  #operation(row: Operation): void {
    this.#recent.takeOperation(row);
    this.#backfills.takeOperation(row);
    const { status, kind } = row;
    if (status === null || status < 400) return;
    if (status >= 500) this.#suspect('5xx', lookAtServerError(row, this.#recent));
    else if (kind === 'heartbeat' && (status === 404 || status === 409 || status === 410))
      this.#suspect('refused heartbeat', lookAtHeartbeat(row, this.#recent));
    else if (kind === 'rtif' && status === 409)
      this.#suspect('refused fields', lookAtRenderedFields(row, this.#recent));
  }

  /** By how much the times of PostgreSQL are to be moved back, as the judge will do it. */
  get #offsetMs(): number {
    return this.#options.databaseClock?.offsetMs ?? 0;
  }

  #commit(recorded: CommittedRow): void {
    const offsetMs = this.#offsetMs;
    const row = offsetMs === 0 ? recorded : { ...recorded, committed_ms: recorded.committed_ms - offsetMs };
    this.#recent.takeCommit(row);
    const look = this.#backfills.takeCommit(row);
    if (look) this.#suspect('early backfill', look);
  }

  #log(recorded: ServerLogRow): void {
    const offsetMs = recorded.source === 'postgres' ? this.#offsetMs : 0;
    const row = offsetMs === 0 ? recorded : { ...recorded, at_ms: recorded.at_ms - offsetMs };
    this.#recent.takeLog(row);
    if (row.sqlstate === '40P01' && row.source === 'postgres')
      this.#suspect('deadlock', lookAtDeadlock(row, this.#recent, this.#options.actions), SIDES_WAIT_MS);
  }

  #suspect(kind: SightingKind, look: Inquiry, waitMs = WAIT_MS): void {
    if (this.#said.has(kind) || this.#open.filter((one) => one.kind === kind).length >= MOST_OPEN) return;
    this.#open.push({ kind, untilMs: this.#options.clock.now() + waitMs, look });
    this.#timer ??= setInterval(() => void this.#lookAll(false), LOOK_EVERY_MS).unref();
  }

  /** One round at a time, in the order of the suspicions. */
  #lookAll(last: boolean): Promise<void> {
    this.#looking = this.#looking.then(async () => {
      const open = this.#open;
      this.#open = [];
      const left: Suspicion[] = [];
      for (const one of open) {
        if (!this.#said.has(one.kind) && !(await this.#isDecided(one, last))) left.push(one);
      }
      this.#open = [...left, ...this.#open];
      if (this.#open.length > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    });
    return this.#looking;
  }

  /** A sentence that cannot be made is left out, and the record says why: the judge finds the same without it. */
  async #isDecided({ kind, untilMs, look }: Suspicion, last: boolean): Promise<boolean> {
    try {
      const found = await look(last || this.#options.clock.now() >= untilMs);
      if (found === undefined) return false;
      if (found !== 'ordinary') this.#say(kind, found);
    } catch (error) {
      note(this.#options, 'WARNING', `No sentence about a ${kind} was said during the load: ${messageOf(error)}`);
    }
    return true;
  }

  #say(kind: SightingKind, seen: Spotted): void {
    this.#said.add(kind);
    const { record, clock, say } = this.#options;
    const sighting = { kind, ...seen, said_ms: roundMs(clock.now()) };
    record.append('sightings', sighting);
    say(sighting);
  }
}
