import { createHash } from 'node:crypto';

import type { Tx } from '../behaviour.ts';
import type { DagJson } from './serialized-dag.ts';

interface Latest {
  readonly id: string;
  readonly version_number: number;
  readonly dag_hash: string | null;
  readonly has_task_instances: boolean;
}

/**
 * `SerializedDagModel.write_dag`: a changed DAG is a new version only if task instances are on the latest one; else
 * that one is rewritten. Returns the number of the version that was written, null if nothing has changed.
 */
export async function writeDag(tx: Tx, dag: DagJson): Promise<number | null> {
  const hash = hashOf(dag);
  const { rows } = await tx.query<Latest>(
    `SELECT dag_version.id::text AS id, dag_version.version_number, serialized_dag.dag_hash, EXISTS (
       SELECT task_instance.id FROM task_instance
       WHERE task_instance.dag_id = dag_version.dag_id AND task_instance.dag_version_id = dag_version.id
     ) AS has_task_instances
     FROM dag_version LEFT JOIN serialized_dag ON serialized_dag.dag_version_id = dag_version.id
     WHERE dag_version.dag_id = $1 ORDER BY dag_version.version_number DESC LIMIT 1`,
    [dag.dag_id],
  );
  const [latest] = rows;
  if (latest?.dag_hash === hash) return null;
  if (latest && !latest.has_task_instances) {
    await tx.query(
      'UPDATE serialized_dag SET data = $2, dag_hash = $3, last_updated = now() WHERE dag_version_id = $1',
      [latest.id, JSON.stringify(dag), hash],
    );
    await tx.query('UPDATE dag_version SET last_updated = now() WHERE id = $1', [latest.id]);
    return latest.version_number;
  }
  const version = (latest?.version_number ?? 0) + 1;
  const { rows: made } = await tx.query<{ id: string }>(
    `INSERT INTO dag_version (id, version_number, dag_id, bundle_name, created_at, last_updated)
     VALUES (uuidv7(), $2, $1, 'dags-folder', now(), now()) RETURNING id`,
    [dag.dag_id, version],
  );
  await tx.query(
    `INSERT INTO serialized_dag (id, dag_id, data, created_at, last_updated, dag_hash, dag_version_id)
     VALUES (uuidv7(), $1, $2, now(), now(), $3, $4)`,
    [dag.dag_id, JSON.stringify(dag), hash, made[0]?.id],
  );
  return version;
}

/** MD5, as Airflow's; over the text with its keys in order. */
function hashOf(dag: DagJson): string {
  const inOrder = (_key: string, value: unknown): unknown =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value;
  return createHash('md5').update(JSON.stringify(dag, inOrder)).digest('hex');
}
