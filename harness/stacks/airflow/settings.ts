import { MAX_TIS_PER_QUERY } from '../../model/scenario.ts';

/**
 * What a stack of ours sets in Airflow, and why. Three kinds: what a stack needs, room for the fleet (the defaults suit
 * a laptop: they would measure queueing in Airflow's own pools), and timers short enough to fire within a run.
 * Everything else has Airflow's default.
 */
export interface AirflowSettingsInput {
  readonly home: string;
  readonly dagsFolder: string;
  readonly dsn: string;
  readonly publicUrl: string;
  readonly executionUrl: string;
  readonly secret: string;
  readonly executor: string;
  /**
   * The one user of the web pages and the public API, and the file of the simple auth manager with the password.
   * Absent: everyone is an admin.
   */
  readonly login?: { readonly user: string; readonly passwordsFile: string };
  /** Absent: Airflow's ten minutes. */
  readonly queuedTimeoutS?: number;
  /** Absent: thirty seconds. */
  readonly heartbeatTimeoutS?: number;
  /** Absent: 128. */
  readonly maxTisPerQuery?: number;
}

/** A started task without heartbeats is given up after so long (Airflow's default is 300). */
export const TASK_INSTANCE_HEARTBEAT_TIMEOUT_S = 30;

/**
 * How often a scheduler looks for tasks that are stuck in QUEUED, if the scenario wants it (Airflow's default: 120).
 */
export const QUEUED_TIMEOUT_CHECK_S = 5;

export function airflowSettings(input: AirflowSettingsInput): Readonly<Record<string, string>> {
  return {
    AIRFLOW_HOME: input.home,
    AIRFLOW__CORE__DAGS_FOLDER: input.dagsFolder,
    AIRFLOW__CORE__EXECUTOR: input.executor,
    AIRFLOW__CORE__EXECUTION_API_SERVER_URL: input.executionUrl,
    ...whoIsAdmin(input.login),
    // Not used: the fleet stores no secret in Airflow. Empty means "store in the clear" and needs no key in a file.
    AIRFLOW__CORE__FERNET_KEY: '',
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN: input.dsn.replace('postgresql://', 'postgresql+psycopg2://'),
    AIRFLOW__API__BASE_URL: input.publicUrl,
    AIRFLOW__API__SECRET_KEY: input.secret,
    AIRFLOW__API_AUTH__JWT_SECRET: input.secret,
    ...airflowTuning(input),

    // Quiet: no metrics, no usage reports, no colours in logs that are read by a program.
    AIRFLOW__USAGE_DATA_COLLECTION__ENABLED: 'False',
    AIRFLOW__LOGGING__COLORED_CONSOLE_LOG: 'False',
    AIRFLOW__LOGGING__LOGGING_LEVEL: 'INFO',
    NO_COLOR: '1',
  };
}

/** What changes how Airflow behaves, on any machine. */
export function airflowTuning(
  input: Pick<AirflowSettingsInput, 'queuedTimeoutS' | 'heartbeatTimeoutS' | 'maxTisPerQuery'>,
): Readonly<Record<string, string>> {
  return {
    AIRFLOW__CORE__LOAD_EXAMPLES: 'False',
    AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION: 'False',

    // Room for the fleet.
    AIRFLOW__CORE__PARALLELISM: '1024',
    AIRFLOW__CORE__MAX_ACTIVE_TASKS_PER_DAG: '512',
    AIRFLOW__CORE__MAX_ACTIVE_RUNS_PER_DAG: '64',
    AIRFLOW__CORE__DEFAULT_POOL_TASK_SLOT_COUNT: '4096',
    // 40 request threads share these connections. With the default 5 + 10 they wait 30 s for one and answer 500,
    // which is a limit of the set-up and would hide the 500s that are defects.
    AIRFLOW__DATABASE__SQL_ALCHEMY_POOL_SIZE: '20',
    AIRFLOW__DATABASE__SQL_ALCHEMY_MAX_OVERFLOW: '40',

    // A wave of completions is scheduled in a few loops, not in dozens.
    AIRFLOW__SCHEDULER__MAX_TIS_PER_QUERY: String(input.maxTisPerQuery ?? MAX_TIS_PER_QUERY),
    // A scheduler may starve on two busy cores: its peer must not declare it dead for that (default 30).
    AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD: '60',
    AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT: String(
      input.heartbeatTimeoutS ?? TASK_INSTANCE_HEARTBEAT_TIMEOUT_S,
    ),
    AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL:
      input.heartbeatTimeoutS === undefined ? '5' : '1',
    AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL: '30',
    ...(input.queuedTimeoutS === undefined
      ? {}
      : {
          AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT: String(input.queuedTimeoutS),
          AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL: String(QUEUED_TIMEOUT_CHECK_S),
        }),

    // A rewritten DAG file becomes a new dag_version within seconds: that is the churn of #66734.
    AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL: '0',
    AIRFLOW__CORE__MIN_SERIALIZED_DAG_FETCH_INTERVAL: '1',
    AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL: '2',
    AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL: '1',
    AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES: '1',
  };
}

function whoIsAdmin(login: AirflowSettingsInput['login']): Readonly<Record<string, string>> {
  if (!login) return { AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS: 'True' };
  return {
    AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS: `${login.user}:admin`,
    AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE: login.passwordsFile,
  };
}
