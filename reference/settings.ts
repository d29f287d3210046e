/**
 * What configures a process of the reference stack, from its environment, and its time-outs. The times are those
 * that harness/stacks/airflow/settings.ts gives a real Airflow, or Airflow's own where that file is silent.
 */
export interface Settings {
  /** `scheduler-1`, `api-execution-1`, …: names the process to PostgreSQL, to the hand-off and in its log. */
  readonly process: string;
  readonly dsn: string;
  /** Signs every token (HS512). */
  readonly secret: string;
  readonly defects: readonly string[];
  /** Where API servers listen: on loopback by default (a container has an address of its own). */
  readonly host: string;
  readonly port: number;
  /** `unix:/path` or `tcp:127.0.0.1:port`: where the scheduler's executor finds the harness. */
  readonly handOff: string;
  /** Needed over TCP; empty if there is none. */
  readonly handOffToken: string;
  /** The folder that the dag-processor reads. */
  readonly dagsFolder: string;
}

export function settingsFrom(env: NodeJS.ProcessEnv): Settings {
  const needed = (name: string) => {
    const value = env[name];
    if (value === undefined || value === '') throw new Error(`${name} is not set`);
    return value;
  };
  return {
    process: needed('WINDTUNNEL_PROCESS'),
    dsn: needed('REFERENCE_DSN'),
    secret: needed('REFERENCE_SECRET'),
    defects: (env.REFERENCE_DEFECTS ?? '').split(' ').filter((name) => name !== ''),
    host: env.REFERENCE_HOST ?? '127.0.0.1',
    port: Number(env.REFERENCE_PORT ?? 0),
    handOff: env.WINDTUNNEL_HANDOFF ?? '',
    handOffToken: env.WINDTUNNEL_HANDOFF_TOKEN ?? '',
    dagsFolder: env.REFERENCE_DAGS ?? '',
  };
}

/** What a scenario may set for a stack of its own. */
function numberFrom(name: string, otherwise: number): number {
  return Number(process.env[name] ?? otherwise);
}

export const TIMES = {
  /** [scheduler] scheduler_idle_sleep_time. */
  idleSleepMs: 1_000,
  /** [scheduler] job_heartbeat_sec. */
  jobHeartbeatMs: 5_000,
  /** [scheduler] scheduler_health_check_threshold: a scheduler that is silent for so long is taken for dead. */
  schedulerDeadMs: 60_000,
  /** [scheduler] orphaned_tasks_check_interval; also once at the start. */
  orphansCheckMs: 30_000,
  /** [scheduler] task_instance_heartbeat_timeout and its detection interval. */
  heartbeatTimeoutMs: numberFrom('REFERENCE_HEARTBEAT_TIMEOUT_S', 30) * 1000,
  heartbeatCheckMs: numberFrom('REFERENCE_HEARTBEAT_CHECK_S', 5) * 1000,
  /** [scheduler] task_queued_timeout, its check interval and num_stuck_in_queued_retries. */
  queuedTimeoutMs: numberFrom('REFERENCE_QUEUED_TIMEOUT_S', 600) * 1000,
  queuedCheckMs: numberFrom('REFERENCE_QUEUED_CHECK_S', 120) * 1000,
  queuedRetries: 2,
  /** Hard-coded in Airflow. */
  backfillCheckMs: 30_000,
  /**
   * Airflow's Python needs time to examine a run while it holds the lock on its row: without it, the moment that #66734
   * needs would hardly exist here. How much time is an assumption; it is not measured.
   */
  examineRunMs: 15,
  /**
   * Less than Airflow's Python takes for a run of a backfill (15 to 37 ms, by four answers to POST /backfills in
   * scenario `seeds` on 3.1.8 and 3.2.1): the moment that #62561 needs must exist here, too.
   */
  backfillRunMs: 6,
  /** As in Airflow, hard-coded. Shorter, and a machine that is starved takes a creation under way for abandoned. */
  backfillAbandonedMs: 120_000,
  /** [dag_processor] min_file_process_interval and refresh_interval. */
  dagFileMs: 2_000,
  dagFolderMs: 1_000,
  /** [execution_api] jwt_expiration_time, and the lifetime of the queue's token ([scheduler] task_queued_timeout). */
  tokenS: 600,
  queuedTokenS: numberFrom('REFERENCE_QUEUED_TIMEOUT_S', 600),
  triggerPollMs: 1_000,
} as const;

export const LIMITS = {
  /** [core] parallelism, per scheduler. */
  parallelism: 1024,
  /** [core] max_active_tasks_per_dag: per DAG run, whatever its name says. */
  maxActiveTasks: 512,
  /** [scheduler] max_tis_per_query. */
  taskInstancesPerQuery: numberFrom('REFERENCE_MAX_TIS_PER_QUERY', 128),
  /** [scheduler] max_dagruns_to_create_per_loop and max_dagruns_per_loop_to_schedule. */
  runsCreatedPerLoop: 10,
  runsPerLoop: 20,
  /** [core] num_dag_runs_to_retain_rendered_fields. */
  renderedFieldsRuns: 30,
  /** [database] sql_alchemy_pool_size + max_overflow, per process. */
  connections: 60,
} as const;
