import type { Tx } from '../behaviour.ts';

/** A DAG as the DAG factory's JSON file has it (workloads/dag_factory/wt_dags.py): the `data` of serialized_dag. */
export interface DagJson {
  readonly dag_id: string;
  /** `* * * * *`: one interval a minute. Absent: it waits for `assets`. */
  readonly schedule?: string;
  readonly assets?: { readonly all: readonly string[] } | { readonly any: readonly string[] };
  /** ISO 8601. */
  readonly start_date: string;
  readonly end_date: string | null;
  readonly catchup: boolean;
  readonly max_active_runs: number;
  readonly max_active_tasks?: number;
  /** A new one makes a new dag_version. */
  readonly revision: number;
  readonly tasks: readonly TaskJson[];
}

export interface TaskJson {
  readonly task_id: string;
  readonly upstream: readonly string[];
  readonly trigger_rule?: 'all_success' | 'one_success' | 'none_failed_min_one_success' | 'all_done';
  readonly retries?: number;
  /** Expanded over so many values. */
  readonly mapped?: number;
  /** Present on a branch task; what it skips is its worker's to say. */
  readonly skips?: readonly string[];
  /** Assets of which its success makes an event each. */
  readonly outlets?: readonly string[];
  readonly pool?: string;
  /** Absolute: that of others is not added. */
  readonly priority_weight?: number;
  readonly max_active_tis_per_dag?: number;
  readonly max_active_tis_per_dagrun?: number;
}

export interface SerializedDag {
  readonly dag_id: string;
  readonly dag_version_id: string;
  readonly version_number: number;
  readonly json: DagJson;
}

/** The newest version of a DAG, or undefined for one that was never parsed. */
export async function latestDag(tx: Tx, dagId: string): Promise<SerializedDag | undefined> {
  const { rows } = await tx.query<SerializedDag>(
    `SELECT serialized_dag.dag_id, serialized_dag.dag_version_id::text AS dag_version_id, dag_version.version_number,
       serialized_dag.data AS json
     FROM serialized_dag JOIN dag_version ON dag_version.id = serialized_dag.dag_version_id
     WHERE serialized_dag.dag_id = $1 ORDER BY dag_version.version_number DESC LIMIT 1`,
    [dagId],
  );
  return rows[0];
}
