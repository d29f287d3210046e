import type { Tokens } from '../api/tokens.ts';
import type { TaskInstanceRow } from '../behaviour.ts';
import { TIMES } from '../settings.ts';

/** A task instance that the critical section has queued. */
export interface QueuedTask extends TaskInstanceRow {
  readonly queue: string;
  readonly priority_weight: number;
  readonly bundle_name: string;
  readonly bundle_version: string | null;
  readonly relative_fileloc: string | null;
}

/** Airflow's `ExecuteTask` as `model_dump_json()` writes it. */
export async function executeTask(ti: QueuedTask, tokens: Tokens): Promise<Readonly<Record<string, unknown>>> {
  return {
    token: await queueToken(ti.id, tokens),
    dag_rel_path: ti.relative_fileloc ?? '',
    bundle_info: { name: ti.bundle_name, version: ti.bundle_version },
    log_path: `dag_id=${ti.dag_id}/run_id=${ti.run_id}/task_id=${ti.task_id}/attempt=${ti.try_number}.log`,
    ti: {
      id: ti.id,
      task_id: ti.task_id,
      dag_id: ti.dag_id,
      run_id: ti.run_id,
      try_number: ti.try_number,
      dag_version_id: ti.dag_version_id,
      map_index: ti.map_index,
      hostname: ti.hostname,
      context_carrier: null,
      queue: ti.queue,
      pool_slots: ti.pool_slots,
      priority_weight: ti.priority_weight,
    },
    sentry_integration: '',
    type: 'ExecuteTask',
  };
}

/** Opens `/run` only, which answers with an execution token; it may lie in a queue as long as a task may. */
function queueToken(id: string, tokens: Tokens): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return tokens.issue({ sub: id, scope: 'workload', iat: now, nbf: now, exp: now + TIMES.queuedTokenS });
}
