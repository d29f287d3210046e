import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

import pg from 'pg';

import { type AirflowSchema, type WatchedTable, watchedOn } from '../model/airflow/schema.ts';
import { messageOf, StackError } from '../model/errors.ts';
import { readAirflowSchema } from '../system/airflow-schema.ts';
import { databaseError, disconnect } from '../system/postgres-client.ts';
import { runBriefly, type TableStatement } from './brief-locks.ts';
import { connectForChanges, type Left, lockOf, nameOf, REMOVE_MS, takeAway } from './installed.ts';

const STATEMENT_LENGTH = 240;
const INSTALL_MS = 60_000;
/** A server waits for all transactions that are open; it gives up before this side does. */
const SLOT_MS = 50_000;
const AGAIN_MS = 1_000;
/** A server that is silent for as long is asked on a new connection, which fails as soon. */
const ANSWER_MS = 10_000;

/** What one run leaves in a database: one name for its schema, publication, replication slot and triggers. */
export class Installation {
  readonly #dsn: string;
  readonly #run: string;
  readonly #slotMs: number;
  readonly #isAlone: boolean;
  #client: pg.Client | undefined;
  #schema: AirflowSchema | undefined;
  #closed = false;

  /**
   * `run`: its id, six hexadecimal digits. `slotMs`: how long the creation of the slot may take. `isAlone`: no one
   * else uses the stack.
   */
  constructor(
    dsn: string,
    run: string,
    { slotMs = SLOT_MS, isAlone = false }: { readonly slotMs?: number; readonly isAlone?: boolean } = {},
  ) {
    this.#dsn = dsn;
    this.#run = run;
    this.#slotMs = slotMs;
    this.#isAlone = isAlone;
  }

  /** Of schema, publication, slot, each trigger, and the prefix of the messages that name a statement's writer. */
  get name(): string {
    return nameOf(this.#run);
  }

  /** What the database holds; read before anything is created in it. */
  get schema(): AirflowSchema | undefined {
    return this.#schema;
  }

  /**
   * Creates all of it; the slot begins now. While this object is open, an advisory lock says that the run lives.
   * StackError if it cannot be done: call `remove` then.
   */
  async install(signal?: AbortSignal): Promise<void> {
    try {
      this.#client = await this.#locked();
      this.#schema = await readAirflowSchema(this.#client);
      const tables = watchedOn(this.#schema, this.#isAlone);
      await create(this.#client, { name: this.name, tables, signal });
      await createSlot(this.#client, this.name, this.#slotMs);
    } catch (error) {
      signal?.throwIfAborted();
      throw error instanceof StackError
        ? error
        : new StackError(`The recorder could not be installed in the database: ${messageOf(databaseError(error))}.`, {
            cause: error,
          });
    }
  }

  /**
   * Takes all of it away, and asks the server whether it is gone. Returns what is not; rejects if the server cannot be
   * asked.
   */
  async remove(): Promise<Left | undefined> {
    this.#closed = true;
    const client = (await this.#answering()) ?? (await this.#locked());
    try {
      return await takeAway(client, this.#run, REMOVE_MS);
    } finally {
      await this.#close(client);
    }
  }

  /** The connection that there is, if it answers. */
  async #answering(): Promise<pg.Client | undefined> {
    const client = this.#client;
    this.#client = undefined;
    if (client === undefined) return undefined;
    try {
      await client.query({ text: 'SELECT 1', query_timeout: ANSWER_MS } as pg.QueryConfig);
      return client;
    } catch {
      await disconnect(client);
      return undefined;
    }
  }

  /** Never rejects. What is installed stays. */
  async close(): Promise<void> {
    await this.#close(this.#client);
  }

  async #close(client: pg.Client | undefined): Promise<void> {
    this.#closed = true;
    this.#client = undefined;
    if (client) await disconnect(client);
  }

  /** A connection that holds the lock of this run, and is opened again when it breaks. */
  async #locked(): Promise<pg.Client> {
    const client = await connectForChanges(this.#dsn);
    try {
      await client.query('SELECT pg_advisory_lock($1, $2)', lockOf(this.#run));
    } catch (error) {
      await disconnect(client);
      throw error;
    }
    client.once('end', () => {
      if (this.#client === client) void this.#lockAgain();
    });
    return client;
  }

  async #lockAgain(): Promise<void> {
    this.#client = undefined;
    while (!this.#closed && this.#client === undefined) {
      const client = await this.#locked().catch(() => undefined);
      if (client !== undefined && (this.#closed || this.#client !== undefined)) await disconnect(client);
      else this.#client = client;
      if (client === undefined) await sleep(AGAIN_MS, undefined, { ref: false });
    }
  }
}

interface Created {
  readonly name: string;
  readonly tables: readonly WatchedTable[];
  readonly signal: AbortSignal | undefined;
}

async function create(client: pg.Client, { name, tables, signal }: Created): Promise<void> {
  const since = new Date().toISOString().slice(0, 19);
  await client.query(`CREATE SCHEMA ${name}`);
  await client.query(`COMMENT ON SCHEMA ${name} IS ${pg.escapeLiteral(`${hostname()} since ${since}Z`)}`);
  await client.query(`
    CREATE FUNCTION ${name}.note_writer() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM pg_logical_emit_message(true, '${name}', concat_ws(E'\\x1f',
        current_setting('application_name'), pg_backend_pid(), left(current_query(), ${STATEMENT_LENGTH})));
      RETURN NULL;
    END $$`);
  await client.query(`CREATE PUBLICATION ${name}`);
  const statements = tables.flatMap(({ table: relation, columns }): TableStatement[] => {
    const table = `public.${relation}`;
    const trigger = `CREATE TRIGGER ${name} BEFORE INSERT OR UPDATE OR DELETE ON ${table}
      FOR EACH STATEMENT EXECUTE FUNCTION ${name}.note_writer()`;
    const published = `ALTER PUBLICATION ${name} ADD TABLE ${table} (${[...columns.keys()].join(', ')})`;
    return [
      { table, sql: trigger, excludes: 'writers' },
      { table, sql: published, excludes: 'changes' },
    ];
  });
  for (const [{ table }, error] of await runBriefly(client, statements, { ms: INSTALL_MS, signal })) {
    throw new StackError(
      `The recorder could not be put on the table ${table} within ${INSTALL_MS / 1000} s: ${error.message}.`,
      { cause: error },
    );
  }
}

/** Waits for every transaction that has written something and is open. */
async function createSlot(client: pg.Client, name: string, ms: number): Promise<void> {
  await client.query(`SET statement_timeout = ${ms}`);
  try {
    await client.query(`SELECT pg_create_logical_replication_slot('${name}', 'pgoutput')`);
  } catch (error) {
    if (!(error instanceof pg.DatabaseError && error.code === '57014')) throw error;
    const { rows } = await client.query<{ who: string }>(`
      SELECT format('process %s (%s)', pid, coalesce(nullif(application_name, ''), usename)) AS who
        FROM pg_stat_activity WHERE backend_xid IS NOT NULL ORDER BY xact_start LIMIT 3`);
    throw new StackError(
      `The replication slot could not be created within ${ms / 1000} s, because it waits for every open ` +
        `transaction: ${rows.map(({ who }) => who).join(', ') || 'none is open any more'}. End it, or try again later.`,
      { cause: error },
    );
  }
}
