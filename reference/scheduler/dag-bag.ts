import type { Tx } from '../behaviour.ts';
import type { DagJson, SerializedDag } from '../dags/serialized-dag.ts';

interface LatestRow {
  readonly dag_id: string;
  readonly dag_version_id: string;
  readonly version_number: number;
  readonly dag_hash: string;
}

interface Kept {
  readonly hash: string;
  readonly dag: SerializedDag;
}

/**
 * The newest version of each DAG. Which one that is, is asked every time; its text is read once. Runs without a bundle
 * version follow the newest one, and there are no others here.
 */
export class DagBag {
  readonly #kept = new Map<string, Kept>();

  async latest(tx: Tx, dagIds: readonly string[]): Promise<ReadonlyMap<string, SerializedDag>> {
    const found = new Map<string, SerializedDag>();
    if (dagIds.length === 0) return found;
    const { rows } = await tx.query<LatestRow>(
      `SELECT DISTINCT ON (dag_version.dag_id) dag_version.dag_id, dag_version.id::text AS dag_version_id,
         dag_version.version_number, serialized_dag.dag_hash
       FROM dag_version JOIN serialized_dag ON serialized_dag.dag_version_id = dag_version.id
       WHERE dag_version.dag_id = ANY($1)
       ORDER BY dag_version.dag_id, dag_version.version_number DESC`,
      [[...new Set(dagIds)]],
    );
    // A version that no task instance has is rewritten in place: then its hash differs.
    const isNew = ({ dag_id, dag_version_id, dag_hash }: LatestRow) => {
      const kept = this.#kept.get(dag_id);
      return kept?.dag.dag_version_id !== dag_version_id || kept.hash !== dag_hash;
    };
    await this.#read(tx, rows.filter(isNew));
    for (const { dag_id } of rows) {
      const kept = this.#kept.get(dag_id);
      if (kept) found.set(dag_id, kept.dag);
    }
    return found;
  }

  async #read(tx: Tx, latest: readonly LatestRow[]): Promise<void> {
    if (latest.length === 0) return;
    const { rows } = await tx.query<{ dag_version_id: string; dag_hash: string; data: DagJson }>(
      `SELECT dag_version_id::text AS dag_version_id, dag_hash, data FROM serialized_dag
       WHERE dag_version_id = ANY($1::uuid[])`,
      [latest.map(({ dag_version_id }) => dag_version_id)],
    );
    for (const { dag_id, dag_version_id, version_number } of latest) {
      const row = rows.find((candidate) => candidate.dag_version_id === dag_version_id);
      if (!row) continue;
      this.#kept.set(dag_id, {
        hash: row.dag_hash,
        dag: { dag_id, dag_version_id, version_number, json: row.data },
      });
    }
  }
}
