import { setTimeout as sleep } from 'node:timers/promises';

import type pg from 'pg';

import type { AirflowSchema } from '../model/airflow/schema.ts';
import { roundMs, type WallClock } from '../model/clock.ts';
import type { Recorder } from '../model/run-context.ts';
import { readAirflowSchema } from '../system/airflow-schema.ts';
import { ReconnectingClient } from '../system/postgres-client.ts';

/**
 * Eight times a second: a wait that ends in a deadlock lasts at least `deadlock_timeout` (300 ms on a server of ours),
 * so it is seen twice before PostgreSQL breaks it. Shorter waits may be missed: they matter to no invariant.
 */
const EVERY_MS = 125;
const QUERY_MS = 5_000;
/** The literals that name a row stand in the WHERE at the end; between them and the beginning are column names. */
const HEAD = 300;
const TAIL = 900;

interface Waiter {
  readonly pid: number;
  readonly application_name: string;
  readonly xid: string | null;
  readonly xact_started: Date | null;
  readonly query: string;
  readonly blockers: readonly number[];
  readonly waiting_since: Date | null;
  readonly lock: string | null;
  readonly relation: string | null;
  readonly row_id: string | null;
}

interface RowKey {
  readonly dag_id: string | null;
  readonly run_id: string | null;
  readonly task_id: string | null;
  readonly map_index: number | null;
}

/** The processes that wait for a lock, and those that block them without waiting themselves. */
const WAITERS = `
  WITH waiting AS (
    SELECT pid, pg_blocking_pids(pid) AS blockers FROM pg_stat_activity
     WHERE wait_event_type = 'Lock' AND datname = current_database()
  ), both_ AS (
    SELECT pid, blockers FROM waiting
    UNION ALL
    SELECT DISTINCT blocker, '{}'::int[] FROM waiting, unnest(blockers) AS blocker
     WHERE blocker NOT IN (SELECT pid FROM waiting)
  )
  SELECT both_.pid, both_.blockers, a.application_name, a.backend_xid::text AS xid,
         a.xact_start AS xact_started, a.query,
         wanted.waitstart AS waiting_since,
         wanted.mode || ' on ' || CASE wanted.locktype WHEN 'transactionid' THEN 'transaction ' || wanted.transactionid
           ELSE wanted.locktype END AS lock,
         coalesce(wanted.relation, held.relation)::regclass::text AS relation,
         format('(%s,%s)', coalesce(wanted.page, held.page), coalesce(wanted.tuple, held.tuple)) AS row_id
    FROM both_ JOIN pg_stat_activity a USING (pid)
    LEFT JOIN LATERAL (SELECT * FROM pg_locks WHERE pid = both_.pid AND NOT granted LIMIT 1) AS wanted ON true
    -- A process that waits for the transaction that holds a row holds the row's place in the queue.
    LEFT JOIN LATERAL (SELECT * FROM pg_locks WHERE pid = both_.pid AND granted AND locktype = 'tuple'
      AND wanted.locktype = 'transactionid' LIMIT 1) AS held ON true`;

/** What identifies a row, by its table. A row that is being changed is still there in its old version. */
function keysOf({ watched, mapIndex }: AirflowSchema): ReadonlyMap<string, string> {
  return new Map(
    watched.flatMap(({ name, table }): [string, string][] => {
      if (name === 'task_instance') return [[table, `dag_id, run_id, task_id, ${mapIndex} AS map_index`]];
      return name === 'dag_run' ? [[table, 'dag_id, run_id, NULL AS task_id, NULL AS map_index']] : [];
    }),
  );
}

export interface LockSamplerOptions {
  readonly dsn: string;
  readonly record: Recorder;
  readonly clock: WallClock;
}

/** Records which process waits for which lock on which row, and who holds it: one row a wait. */
export class LockSampler {
  readonly #record: Recorder;
  readonly #clock: WallClock;
  readonly #database: ReconnectingClient;
  #keys: ReadonlyMap<string, string> = new Map();
  /** The last recorded wait of each process; another wait, or another holder, is recorded again. */
  readonly #written = new Map<number, string>();

  constructor({ dsn, record, clock }: LockSamplerOptions) {
    this.#record = record;
    this.#clock = clock;
    this.#database = new ReconnectingClient(dsn, { name: 'wt-harness-locks', queryMs: QUERY_MS });
  }

  async start(): Promise<void> {
    this.#keys = keysOf(await readAirflowSchema(await this.#database.get()));
  }

  /** Until the signal. A database that is away ends no run: deadlocks are in its log, too. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // A statement took too long, or the connection was cut.
      await this.look().catch(() => this.#database.drop());
      await sleep(EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  /** One sample. Returns the number of processes that waited. */
  async look(): Promise<number> {
    const client = await this.#database.get();
    const { rows: someone } = await client.query(
      `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database() LIMIT 1`,
    );
    if (someone.length === 0) {
      this.#written.clear();
      return 0;
    }
    const { rows } = await client.query<Waiter>(WAITERS);
    for (const waiter of rows) {
      const known = `${waiter.waiting_since?.getTime()} ${waiter.xact_started?.getTime()} ${waiter.blockers.join(' ')}`;
      if (this.#written.get(waiter.pid) === known) continue;
      this.#written.set(waiter.pid, known);
      this.#append(waiter, await this.#keyOf(client, waiter));
    }
    return rows.filter(({ blockers }) => blockers.length > 0).length;
  }

  async close(): Promise<void> {
    await this.#database.drop();
  }

  async #keyOf(client: pg.Client, { relation, row_id }: Waiter): Promise<RowKey | undefined> {
    const columns = relation === null ? undefined : this.#keys.get(relation);
    if (columns === undefined || row_id === null || !/^\(\d+,\d+\)$/.test(row_id)) return undefined;
    const { rows } = await client.query<RowKey>(`SELECT ${columns} FROM ${relation} WHERE ctid = $1::tid`, [row_id]);
    return rows[0];
  }

  #append(waiter: Waiter, key: RowKey | undefined): void {
    const onClock = (date: Date | null) => (date === null ? null : roundMs(this.#clock.fromWall(date.getTime())));
    const { query, blockers, relation, row_id } = waiter;
    this.#record.append('lock_waits', {
      at_ms: roundMs(this.#clock.now()),
      pid: waiter.pid,
      application_name: waiter.application_name,
      waiting_since_ms: onClock(waiter.waiting_since),
      lock: waiter.lock,
      blocked_by: blockers.join(' '),
      xid: waiter.xid === null ? null : Number(waiter.xid),
      xact_started_ms: onClock(waiter.xact_started),
      relation,
      row_id: relation === null || row_id === '(,)' ? null : row_id,
      dag_id: key?.dag_id ?? null,
      run_id: key?.run_id ?? null,
      task_id: key?.task_id ?? null,
      map_index: key?.map_index ?? null,
      statement: query.length <= HEAD + TAIL ? query : `${query.slice(0, HEAD)} … ${query.slice(-TAIL)}`,
    });
  }
}
