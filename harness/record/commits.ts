import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import type pg from 'pg';
import type { Pgoutput } from 'pg-logical-replication';
import { ownersSql, type WatchedTable } from '../model/airflow/schema.ts';
import { roundMs, type WallClock } from '../model/clock.ts';
import { StackError } from '../model/errors.ts';
import { note, noteGap, type Recorder } from '../model/run-context.ts';
import { withClient } from '../system/postgres-client.ts';
import type { DatabaseClock } from './database-clock.ts';
import type { Left } from './installed.ts';
import { OwnRows } from './own-rows.ts';
import { OwnerNames } from './owner-names.ts';
import { lsnOf, SlotReader } from './slot-reader.ts';
import { Installation } from './writers.ts';

/**
 * Rows of one transaction that are held until its end is here, some 100 MB. The largest that Airflow makes of a
 * scenario, a backfill or a clear, have some thousands.
 */
const MOST_ROWS = 100_000;

export interface CommitStreamOptions {
  readonly dsn: string;
  /** The id of the run: six hexadecimal digits, part of each name in the database. */
  readonly run: string;
  readonly record: Recorder;
  readonly clock: WallClock;
  /** Absent: the clock of this machine. */
  readonly databaseClock?: Pick<DatabaseClock, 'offsetMs'>;
  /** What the ids of the harness's own DAGs begin with. */
  readonly dagPrefix?: string;
  /** Whether others use the stack, too: then rows of their DAGs are not recorded. */
  readonly isShared?: boolean;
  /** A transaction with more is not recorded. */
  readonly mostRows?: number;
}

/** A server that is well writes a message to its log at once. */
const MARK_MS = 10_000;

/** A transaction is recorded as a whole, after its commit: a stream that breaks in its middle sends it again. */
interface Transaction {
  readonly xid: number;
  readonly lsn: string;
  readonly committedMs: number;
  /** Its rows without their numbers; undefined for one that is recorded already, and none where there are too many. */
  rows: object[] | undefined;
  /** How many there were. */
  count: number;
}

interface Writer {
  readonly name: string;
  readonly pid: number;
  readonly statement: string;
}

/**
 * Reads the write-ahead log of the database under test and records every committed change of the watched tables, in
 * commit order, with its writer.
 *
 * The writer is known by a trigger per watched table, once per statement, that puts application_name, pid and the
 * statement into the same ordered stream (`pg_logical_emit_message`). `bench/recording.ts` measures what that costs and
 * why the server log was not chosen: a statement's log line is written before its transaction has an id.
 */
export class CommitStream {
  readonly #dsn: string;
  readonly #record: Recorder;
  readonly #clock: WallClock;
  readonly #databaseClock: Pick<DatabaseClock, 'offsetMs'>;
  readonly #installation: Installation;
  readonly #own: OwnRows;
  readonly #mostRows: number;
  #relations = new Map<string, WatchedTable>();
  /** Names of task instances, where other rows have the id of one alone. */
  #owners: OwnerNames | undefined;
  #reader: SlotReader | undefined;
  #transaction: Transaction | undefined;
  /** The commit of the last transaction that is recorded. */
  #recorded = 0n;
  #writer: Writer | undefined;
  #seq = 0;
  #lagMs = 0;
  #endMark: string | undefined;
  #endSeen = false;

  constructor(options: CommitStreamOptions) {
    const { dsn, run, record, clock, databaseClock = { offsetMs: 0 }, dagPrefix = '', isShared = false } = options;
    this.#dsn = dsn;
    this.#installation = new Installation(dsn, run, { isAlone: !isShared });
    this.#own = new OwnRows(dagPrefix, isShared);
    this.#mostRows = options.mostRows ?? MOST_ROWS;
    this.#record = record;
    this.#clock = clock;
    this.#databaseClock = databaseClock;
  }

  /** Milliseconds from the last transaction's commit to its arrival here. */
  get lagMs(): number {
    return this.#lagMs;
  }

  /**
   * Every commit after this returns is recorded. Rejects with a StackError if the database does not allow it; then,
   * too, something may have been created: see `remove`. `signal` ends the wait for tables that others use.
   */
  async start(onFailure: (error: Error) => void, signal?: AbortSignal): Promise<void> {
    await this.#installation.install(signal);
    const { schema } = this.#installation;
    this.#relations = new Map(schema?.watched.map((relation) => [relation.table, relation]));
    const sql = schema && ownersSql(schema);
    this.#owners = sql === undefined ? undefined : await this.#readOwners(sql);
    const reader = new SlotReader({
      dsn: this.#dsn,
      slot: this.#installation.name,
      publication: this.#installation.name,
      onMessage: (message) => this.#take(message),
      written: () => this.#record.flush(),
      onFailure,
      onSilence: (seconds) => {
        const message = `the commit stream was silent for ${seconds} s, and is opened again`;
        note({ record: this.#record, clock: this.#clock }, 'WARNING', message);
      },
    });
    this.#reader = reader;
    await reader.start();
  }

  /** Waits until everything committed before this call is recorded. Nothing to do if nothing was begun. */
  async stop(): Promise<void> {
    const reader = this.#reader;
    if (!reader) return this.#installation.close();
    const mark = `end-${randomUUID()}`;
    this.#endMark = mark;
    try {
      await withClient(
        this.#dsn,
        (client) => client.query(`SELECT pg_logical_emit_message(false, '${this.#installation.name}', '${mark}')`),
        { queryMs: MARK_MS },
      );
      for (let waited = 0; !this.#endSeen && waited < 15_000; waited += 20) await sleep(20);
    } finally {
      // Also when the database has gone: otherwise the stream would try to connect forever.
      await reader.close();
      await this.#installation.close();
    }
    if (!this.#endSeen) throw new StackError('The commit stream was more than 15 s behind when the run ended.');
  }

  async #readOwners(sql: string): Promise<OwnerNames> {
    const { rows } = await withClient(this.#dsn, (client) =>
      client.query<pg.QueryResultRow>(sql, [this.#own.dagPrefix]),
    );
    const owners = new OwnerNames();
    for (const row of rows) owners.learn(row);
    return owners;
  }

  /** For a stack that outlives the run, after `stop`: see `Installation.remove`. */
  remove(): Promise<Left | undefined> {
    return this.#installation.remove();
  }

  #take(message: Pgoutput.Message): void {
    switch (message.tag) {
      case 'begin': {
        const committedMs = this.#clock.fromWall(Number(message.commitTime) / 1000);
        const lsn = message.commitLsn ?? '';
        const rows = lsnOf(lsn) > this.#recorded ? [] : undefined;
        this.#transaction = { xid: message.xid >>> 0, lsn, committedMs, rows, count: 0 };
        this.#writer = undefined;
        return;
      }
      case 'message':
        if (message.prefix === this.#installation.name) this.#takeNote(Buffer.from(message.content).toString('utf8'));
        return;
      case 'insert':
        this.#row('insert', message.relation.name, message.new, null);
        return;
      case 'update':
        this.#row('update', message.relation.name, message.new, message.key);
        return;
      case 'delete':
        this.#row('delete', message.relation.name, message.key ?? message.old ?? {}, null);
        return;
      case 'commit':
        if (this.#transaction) this.#conclude(this.#transaction);
        this.#transaction = undefined;
        return;
      default: // Relations, types, origins and truncations carry no row.
    }
  }

  #conclude({ lsn, committedMs, rows, count }: Transaction): void {
    if (!rows) return;
    if (count > this.#mostRows) {
      const most = `more than the ${this.#mostRows} that are recorded`;
      const context = { record: this.#record, clock: this.#clock };
      noteGap(context, 'commits', `a transaction changed ${count} rows of the run, ${most}`);
    }
    for (const row of rows) this.#record.append('commits', { seq: ++this.#seq, ...row });
    this.#recorded = lsnOf(lsn);
    this.#lagMs = Math.max(0, this.#clock.now() + this.#databaseClock.offsetMs - committedMs);
  }

  #takeNote(text: string): void {
    if (text === this.#endMark) {
      this.#endSeen = true;
      return;
    }
    const [name = '', pid = '', ...statement] = text.split('\u001f');
    this.#writer = { name, pid: Number(pid), statement: statement.join(' ') };
  }

  /** A row under the names of the run folder, with those of the task instance that it belongs to. */
  #named({ name, columns, owner }: WatchedTable, found: Record<string, unknown>): Record<string, unknown> {
    const values: Record<string, unknown> = {};
    for (const column in found) values[columns.get(column) ?? column] = found[column];
    if (name === 'task_instance' && this.#own.isNamedOurs(values)) this.#owners?.learn(values);
    return owner === undefined ? values : { ...this.#owners?.of(values[owner]), ...values };
  }

  #row(change: string, table: string, found: Record<string, unknown>, key: Record<string, unknown> | null): void {
    const stored = this.#relations.get(table);
    if (!stored) return;
    const relation = stored.name;
    const values = this.#named(stored, found);
    if (!this.#own.include(relation, values)) return;
    const transaction = this.#transaction;
    if (!transaction?.rows) return;
    if (++transaction.count > this.#mostRows) {
      transaction.rows = [];
      return;
    }
    const { id, dag_id, run_id, task_id, map_index, state, try_number, backfill_id, ...rest } = values;
    transaction.rows.push({
      xid: transaction.xid,
      lsn: transaction.lsn,
      committed_ms: roundMs(transaction.committedMs),
      relation,
      change,
      id: id === undefined || id === null ? null : String(id),
      old_id: key?.id === undefined || key.id === null ? null : String(key.id),
      dag_id: dag_id ?? null,
      run_id: run_id ?? null,
      task_id: task_id ?? null,
      map_index: map_index ?? null,
      state: state ?? null,
      try_number: try_number ?? null,
      backfill_id: backfill_id ?? null,
      row: rest,
      writer: this.#writer?.name ?? null,
      writer_pid: this.#writer?.pid ?? null,
      statement: this.#writer?.statement ?? null,
    });
  }
}
