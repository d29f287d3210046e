import { setTimeout as sleep } from 'node:timers/promises';

import pg from 'pg';
import { LogicalReplicationService, type Pgoutput, PgoutputPlugin } from 'pg-logical-replication';

import { messageOf, StackError } from '../model/errors.ts';
import { WATCHED } from '../model/tables.ts';
import { withClient } from '../stacks/postgres.ts';
import { type RunClock, roundMs } from './clock.ts';
import type { RunFolder } from './run-folder.ts';

const SLOT = 'windtunnel';
const PUBLICATION = 'windtunnel';
/** Tables whose rows hold what tasks were given or made: of other people's DAGs that is none of our business. */
const PAYLOADS: ReadonlySet<string> = new Set(['xcom', 'rendered_task_instance_fields']);
/** Prefix of the logical messages that name a statement's writer. */
const WRITER_PREFIX = 'windtunnel';
const STATEMENT_LENGTH = 240;
const CLOSE_MS = 2_000;

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
 * statement into the same ordered stream (`pg_logical_emit_message`). `bench/writers.ts` measures what that costs and
 * why the server log was not chosen: a statement's log line is written before its transaction has an id.
 */
export class CommitStream {
  readonly #dsn: string;
  readonly #record: RunFolder;
  readonly #clock: RunClock;
  readonly #dagPrefix: string;
  readonly #service: LogicalReplicationService;
  #subscription: Promise<unknown> = Promise.resolve();
  #transaction: { xid: number; lsn: string; committedMs: number } | undefined;
  #writer: Writer | undefined;
  #seq = 0;
  #lagMs = 0;
  #endMark: string | undefined;
  #endSeen = false;

  /** `dagPrefix`: what the ids of the harness's own DAGs begin with. */
  constructor(dsn: string, record: RunFolder, clock: RunClock, dagPrefix = '') {
    this.#dsn = dsn;
    this.#dagPrefix = dagPrefix;
    this.#record = record;
    this.#clock = clock;
    this.#service = new LogicalReplicationService(
      { connectionString: dsn, application_name: 'wt-harness-commits' },
      { acknowledge: { auto: false, timeoutSeconds: 10 } },
    );
  }

  /** Milliseconds from the last transaction's commit to its arrival here. */
  get lagMs(): number {
    return this.#lagMs;
  }

  /** From when this returns, every commit is recorded. */
  async start(onFailure: (error: Error) => void): Promise<void> {
    await installWriters(this.#dsn);
    await withClient(this.#dsn, (client) =>
      client.query(`SELECT pg_create_logical_replication_slot('${SLOT}', 'pgoutput')`),
    );
    const started = new Promise<void>((resolve, reject) => {
      this.#service.on('start', () => resolve());
      this.#service.on('error', (error) => {
        reject(error);
        onFailure(new StackError(`The commit stream broke: ${messageOf(error)}`, { cause: error }));
      });
    });
    this.#service.on('data', (_lsn, message: Pgoutput.Message) => this.#take(message));
    const plugin = new PgoutputPlugin({ protoVersion: 1, publicationNames: [PUBLICATION], messages: true });
    // It settles when the stream ends; a failure has been told through 'error'.
    this.#subscription = this.#service.subscribe(plugin, SLOT).catch(() => undefined);
    await started;
  }

  /**
   * Waits until everything committed before this call is recorded. `restore` takes slot and triggers away again: for a
   * stack that goes on living.
   */
  async stop({ restore }: { readonly restore: boolean }): Promise<void> {
    const mark = `end-${Date.now()}`;
    this.#endMark = mark;
    try {
      await withClient(this.#dsn, (client) =>
        client.query(`SELECT pg_logical_emit_message(false, '${WRITER_PREFIX}', '${mark}')`),
      );
      for (let waited = 0; !this.#endSeen && waited < 15_000; waited += 20) await sleep(20);
    } finally {
      // Also when the database has gone: the stream's own timer would keep this process alive for ever. A connection
      // that broke may never say that it has closed.
      await Promise.race([this.#service.destroy(), sleep(CLOSE_MS, undefined, { ref: false })]);
      await Promise.race([this.#subscription, sleep(CLOSE_MS, undefined, { ref: false })]);
    }
    if (restore) await removeWriters(this.#dsn);
    if (!this.#endSeen) throw new StackError('The commit stream was more than 15 s behind when the run ended.');
  }

  #take(message: Pgoutput.Message): void {
    switch (message.tag) {
      case 'begin': {
        const committedMs = this.#clock.fromWall(Number(message.commitTime) / 1000);
        this.#transaction = { xid: message.xid >>> 0, lsn: message.commitLsn ?? '', committedMs };
        this.#writer = undefined;
        return;
      }
      case 'message':
        if (message.prefix === WRITER_PREFIX) this.#takeNote(Buffer.from(message.content).toString('utf8'));
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
        if (this.#transaction) this.#lagMs = Math.max(0, this.#clock.now() - this.#transaction.committedMs);
        this.#transaction = undefined;
        return;
      default: // Relations, types, origins and truncations carry no row.
    }
  }

  #takeNote(text: string): void {
    if (text === this.#endMark) {
      this.#endSeen = true;
      return;
    }
    const [name = '', pid = '', ...statement] = text.split('\u001f');
    this.#writer = { name, pid: Number(pid), statement: statement.join(' ') };
  }

  #row(change: string, relation: string, values: Record<string, unknown>, key: Record<string, unknown> | null): void {
    const { id, dag_id, run_id, task_id, map_index, state, try_number, backfill_id, ...rest } = values;
    if (PAYLOADS.has(relation) && typeof dag_id === 'string' && !dag_id.startsWith(this.#dagPrefix)) return;
    this.#record.append('commits', {
      seq: ++this.#seq,
      xid: this.#transaction?.xid ?? null,
      lsn: this.#transaction?.lsn ?? null,
      committed_ms: roundMs(this.#transaction?.committedMs ?? 0),
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

/** What the harness does to a live table waits at most so long for its lock, then steps back and tries again. */
const LOCK_TIMEOUT_MS = 1_000;
const LOCK_TRIES = 10;

/** Adds the publication and, in a schema of its own, the function and the triggers that name the writers. */
async function installWriters(dsn: string): Promise<void> {
  await removeWriters(dsn);
  const tables = Object.entries(WATCHED);
  const published = tables.map(([table, columns]) => `public.${table} (${columns.join(', ')})`).join(', ');
  await withClient(dsn, async (client) => {
    await client.query('CREATE SCHEMA windtunnel');
    await client.query(`
      CREATE FUNCTION windtunnel.note_writer() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        PERFORM pg_logical_emit_message(true, '${WRITER_PREFIX}', concat_ws(E'\\x1f',
          current_setting('application_name'), pg_backend_pid(), left(current_query(), ${STATEMENT_LENGTH})));
        RETURN NULL;
      END $$`);
    for (const [table] of tables) {
      await alone(
        client,
        `CREATE TRIGGER windtunnel_writer BEFORE INSERT OR UPDATE OR DELETE ON public.${table}
        FOR EACH STATEMENT EXECUTE FUNCTION windtunnel.note_writer()`,
      );
    }
    await client.query(`CREATE PUBLICATION ${PUBLICATION} FOR TABLE ${published}`);
  });
}

/** Leaves the database as it was found. Safe to call when nothing is there, and again after a crash. */
export async function removeWriters(dsn: string): Promise<void> {
  await withClient(dsn, async (client) => {
    await client.query(`SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots
      WHERE slot_name = '${SLOT}' AND NOT active`);
    await client.query(`DROP PUBLICATION IF EXISTS ${PUBLICATION}`);
    for (const table of Object.keys(WATCHED)) {
      await alone(client, `DROP TRIGGER IF EXISTS windtunnel_writer ON public.${table}`);
    }
    await client.query('DROP SCHEMA IF EXISTS windtunnel CASCADE');
  });
}

/**
 * A statement that locks a table, in a transaction of its own and never for long: two such locks held together can
 * deadlock with Airflow, and a run must not find a deadlock of its own making.
 */
async function alone(client: pg.Client, statement: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await client.query(`SET lock_timeout = ${LOCK_TIMEOUT_MS}`);
      await client.query(statement);
      return;
    } catch (error) {
      const retryable = error instanceof pg.DatabaseError && (error.code === '55P03' || error.code === '40P01');
      if (!retryable || tries >= LOCK_TRIES) throw error;
      await sleep(100);
    }
  }
}
