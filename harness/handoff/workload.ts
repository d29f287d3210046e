import { isRecord } from '../model/json.ts';

/**
 * What a scheduler hands to a worker: `ExecuteTask` as Airflow's own `model_dump_json()` writes it. Only what a life
 * needs is checked; the rest passes through untouched, so that a release that adds a field changes nothing here.
 */
export interface Workload {
  /** The worker's bearer token for the Execution API. A secret: never written to a run folder. */
  readonly token: string;
  readonly ti: WorkloadTaskInstance;
  readonly dag_rel_path?: string;
  readonly log_path?: string | null;
}

export interface WorkloadTaskInstance {
  readonly id: string;
  readonly dag_id: string;
  readonly task_id: string;
  readonly run_id: string;
  readonly try_number: number;
  readonly map_index: number;
  /** Absent before Airflow had DAG versions in the workload. */
  readonly dag_version_id?: string | null;
  readonly queue?: string;
  readonly pool_slots?: number;
  readonly priority_weight?: number;
}

/** Airflow's `TaskInstanceKey`, in its own order: dag, task, run, try, map index. */
export type TaskKey = readonly [string, string, string, number, number];

export type LifeOutcome = 'success' | 'fail';

export function keyOf(ti: WorkloadTaskInstance): TaskKey {
  return [ti.dag_id, ti.task_id, ti.run_id, ti.try_number, ti.map_index];
}

/** It becomes part of the paths of requests. */
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Throws an Error that names the first field that is wrong. */
export function parseWorkload(value: unknown): Workload {
  if (!isRecord(value)) throw new Error('workload is not an object');
  if (typeof value.token !== 'string') throw new Error('workload.token is not a string');
  if (!isRecord(value.ti)) throw new Error('workload.ti is not an object');
  const ti = value.ti;
  if (typeof ti.id !== 'string' || !UUID.test(ti.id)) throw new Error('workload.ti.id is not a UUID');
  for (const field of ['dag_id', 'task_id', 'run_id'] as const) {
    if (typeof ti[field] !== 'string' || ti[field] === '') throw new Error(`workload.ti.${field} is not a string`);
  }
  for (const field of ['try_number', 'map_index'] as const) {
    if (!Number.isSafeInteger(ti[field])) throw new Error(`workload.ti.${field} is not an integer`);
  }
  return value as unknown as Workload;
}

export function parseKey(value: unknown): TaskKey {
  if (!Array.isArray(value) || value.length !== 5) throw new Error('key is not [dag, task, run, try, map]');
  const [dag, task, run, tryNumber, mapIndex] = value as unknown[];
  if (typeof dag !== 'string' || typeof task !== 'string' || typeof run !== 'string') {
    throw new Error('key does not begin with three strings');
  }
  if (!Number.isSafeInteger(tryNumber) || !Number.isSafeInteger(mapIndex)) {
    throw new Error('key does not end in two integers');
  }
  return [dag, task, run, tryNumber as number, mapIndex as number];
}
