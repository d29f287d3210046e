import { inflateSync } from 'node:zlib';
import type pg from 'pg';

import { DAGS_AS_SERIALIZED, IS_AIRFLOW, queuedDags, SCHEDULED_DAGS } from '../model/airflow/statements.ts';
import { isRecord } from '../model/json.ts';
import { some } from '../model/listed.ts';
import { DAG_OF_A_RUN } from '../model/namespace.ts';
import { readAirflowSchema } from '../system/airflow-schema.ts';
import { type DatabaseServer, isHere, serverOf } from './target-dsn.ts';
import type { Target } from './target-file.ts';

/**
 * A database larger than this has a history. That of a stack which only windtunnel uses has some 20 MB, and grows by
 * 1 GB in half a day of load.
 */
export const LARGE_DATABASE_BYTES = 2 ** 30;

/** A stack on which more DAGs of others than this are unpaused is in use. */
export const FOREIGN_DAGS_MAX = 10;

/** How many DAGs a sentence names. */
const NAMED_MAX = 10;

/** How many DAGs are read at once: one may have some hundred KB. */
const BATCH = 100;

/** The hand-off executor's names of its own; the target file may give it one more. */
const OUR_NAMES = ['windtunnel_executor.HandOffExecutor', 'HandOffExecutor'];

/** What the server of a target says of itself. */
export interface ServerFacts {
  readonly version: string;
  /** As the server sees the connection; null for a Unix socket. */
  readonly address: string | null;
  readonly port: number | null;
  readonly databaseBytes: number;
  /** DAGs that no run of windtunnel made, unpaused and not stale. */
  readonly foreignDags: readonly string[];
  /** Those of them, and paused ones with a task in the queue, of which tasks come to the hand-off executor. */
  readonly comingDags: readonly string[];
}

/** Undefined if the database has no table of DAGs. Rejects when a question cannot be asked. */
export async function askServer(
  client: pg.Client,
  { executor }: Pick<Target, 'executor'>,
): Promise<ServerFacts | undefined> {
  const [server] = await ask<Omit<ServerFacts, 'foreignDags' | 'comingDags'> & { isAirflow: boolean }>(
    client,
    `SELECT current_setting('server_version') AS version,
       host(inet_server_addr()) AS address, inet_server_port() AS port,
       pg_database_size(current_database())::float8 AS "databaseBytes", ${IS_AIRFLOW}`,
  );
  if (!server?.isAirflow) return undefined;
  const { isAirflow: _, ...facts } = server;
  const foreign = await ask<{ dag_id: string }>(client, SCHEDULED_DAGS, [DAG_OF_A_RUN]);
  const foreignDags = foreign.map(({ dag_id }) => dag_id);
  const queued = await ask<{ dag_id: string }>(client, queuedDags(await readAirflowSchema(client)), [
    DAG_OF_A_RUN,
    namesOf(executor),
    executor === undefined,
  ]);
  const coming = new Set(queued.map(({ dag_id }) => dag_id));
  for (let at = 0; at < foreignDags.length; at += BATCH) {
    const rows = await ask<{ dag_id: string; data: unknown; data_compressed: Buffer | null }>(
      client,
      DAGS_AS_SERIALIZED,
      [foreignDags.slice(at, at + BATCH)],
    );
    for (const { dag_id, data, data_compressed: packed } of rows) {
      const dag: unknown = packed ? JSON.parse(inflateSync(packed).toString('utf8')) : data;
      if (comesToUs(executorsOf(dag), executor)) coming.add(dag_id);
    }
  }
  return { ...facts, foreignDags, comingDags: [...coming].sort() };
}

async function ask<Row extends pg.QueryResultRow>(client: pg.Client, sql: string, values: unknown[] = []) {
  return (await client.query<Row>(sql, values)).rows;
}

/** The executor that each task of a serialized DAG asks for; undefined where it takes the first of the stack. */
export function executorsOf(serialized: unknown): (string | undefined)[] {
  const dag = isRecord(serialized) ? serialized.dag : undefined;
  const tasks: unknown = isRecord(dag) ? dag.tasks : undefined;
  if (!Array.isArray(tasks)) return [];
  return tasks.map((task: unknown) => {
    const fields = isRecord(task) && isRecord(task.__var) ? task.__var : {};
    // Those of a mapped task are apart.
    const asked = fields.executor ?? (isRecord(fields.partial_kwargs) ? fields.partial_kwargs.executor : undefined);
    return typeof asked === 'string' ? asked : undefined;
  });
}

/**
 * Whether one of these tasks would come to the hand-off executor. `named`: as the target file calls it, where another
 * executor is the stack's first.
 */
export function comesToUs(asked: readonly (string | undefined)[], named: string | undefined): boolean {
  const ours = namesOf(named);
  return asked.some((name) => (name === undefined ? named === undefined : ours.includes(name)));
}

function namesOf(named: string | undefined): string[] {
  return named === undefined ? OUR_NAMES : [...OUR_NAMES, named];
}

/** Why no run may begin there, each a sentence; empty if one may. */
export function whyNot(facts: ServerFacts, target: Pick<Target, 'dsn' | 'i_own_this' | 'executor'>): string[] {
  return [...(target.i_own_this ? [] : looksForeign(facts, serverOf(target.dsn))), ...wouldCome(facts, target)];
}

/** What the server says against being a stack for trials on this machine. */
function looksForeign(
  { address, port, databaseBytes, foreignDags }: ServerFacts,
  named: DatabaseServer,
): readonly string[] {
  const reasons: string[] = [];
  if (address !== null && (!isHere(address) || port !== named.port)) {
    reasons.push(
      `its server has the address ${address}:${port} for itself, and the file says ${named.host}:${named.port}, ` +
        'so that a tunnel or the network of a container stands between',
    );
  }
  if (databaseBytes > LARGE_DATABASE_BYTES) {
    const gb = (bytes: number) => (bytes / 2 ** 30).toFixed(1);
    reasons.push(`its database has ${gb(databaseBytes)} GB (limit: ${gb(LARGE_DATABASE_BYTES)})`);
  }
  if (foreignDags.length > FOREIGN_DAGS_MAX) {
    reasons.push(`${foreignDags.length} DAGs of others are unpaused in it (limit: ${FOREIGN_DAGS_MAX})`);
  }
  if (reasons.length === 0) return [];
  return [`It may be in production: ${reasons.join('; ')}. If all of it is yours, say i_own_this: true.`];
}

function wouldCome({ comingDags }: ServerFacts, { executor }: Pick<Target, 'executor'>): readonly string[] {
  if (comingDags.length === 0) return [];
  const how =
    executor === undefined
      ? 'If the stack has another executor before it, say with `executor:` by what name DAGs ask for ours.'
      : 'They ask for it by its name.';
  return [
    "DAGs of others are unpaused or queued and would come to windtunnel's executor, which runs nothing: " +
      `${some(comingDags, NAMED_MAX)}. Pause them. ${how}`,
  ];
}
