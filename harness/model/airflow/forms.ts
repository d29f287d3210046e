/** What each release of Airflow has of what a run records: tables, and columns by their names in the run folder. */

/** Column in Airflow by its name in the run folder. */
type Columns = Readonly<Record<string, string>>;

export interface Form {
  readonly table: string;
  /** Without these it is another form. */
  readonly needs: Columns;
  /** Read where they are there. */
  readonly wants?: Columns;
  /** With one of these it is another form. */
  readonly unless?: readonly string[];
  /** The column with the id of the task instance that a row belongs to, where its names stand there alone. */
  readonly owner?: string;
  /** Recorded on stacks of our own alone: no scenario for a target writes it. */
  readonly alone?: true;
}

/** Conditions on a row `t`, with the ids of the run's DAGs as `$1`; `o` is the task instance that owns it. */
export interface CopyForm extends Form {
  /** Which of a run's rows. Absent: all. */
  readonly where?: string;
  /** Whether a row is of the run, where it has no `dag_id`. */
  readonly ours?: string;
  /** The same on a stack of our own, where it is another. */
  readonly oursAlone?: string;
  /** What `ours` reads besides the table. */
  readonly reads?: readonly string[];
}

/** Columns that have the same name. */
function same(...names: string[]): Columns {
  return Object.fromEntries(names.map((name) => [name, name]));
}

const NAMES = same('dag_id', 'run_id', 'task_id');
const TASK = { ...same('id', 'state', 'try_number'), ...NAMES };
const ALSO_OF_TASK = same('max_tries', 'hostname', 'pid', 'queued_by_job_id', 'dag_version_id');
/** From 3.4 on each try has a row of its own: `working_set` is true in that of the current one, and null in others. */
export const ROW_A_TRY = { map_index: 'region_index', working_set: 'working_set' };

const OF_SOURCE = {
  dag_id: 'source_dag_id',
  run_id: 'source_run_id',
  task_id: 'source_task_id',
  map_index: 'source_map_index',
};

/** The tables of `commits.relation`, of which committed changes are recorded, each with the newest form first. */
export const WATCHED_FORMS = {
  task_instance: [
    {
      table: 'task_instance',
      needs: { ...TASK, ...ROW_A_TRY },
      wants: { ...ALSO_OF_TASK, ...same('archived_reason', 'region_id') },
    },
    {
      table: 'task_instance',
      needs: { ...TASK, map_index: 'map_index' },
      wants: ALSO_OF_TASK,
      unless: ['working_set', 'region_index'],
    },
  ],
  dag_run: [
    {
      table: 'dag_run',
      needs: same('id', 'dag_id', 'run_id', 'state'),
      wants: same('run_type', 'logical_date', 'clear_number', 'backfill_id'),
    },
  ],
  backfill: [
    {
      table: 'backfill',
      needs: same('id', 'dag_id', 'completed_at'),
      wants: same('created_at', 'max_active_runs', 'is_paused'),
    },
  ],
  backfill_dag_run: [
    {
      table: 'backfill_dag_run',
      needs: same('id', 'backfill_id', 'dag_run_id'),
      wants: same('exception_reason', 'sort_ordinal'),
    },
  ],
  rendered_task_instance_fields: [
    { table: 'rtif_v2', needs: same('id', 'task_instance_id', 'rendered_fields'), owner: 'task_instance_id' },
    { table: 'rendered_task_instance_fields', needs: { ...NAMES, ...same('map_index', 'rendered_fields') } },
  ],
  dag_version: [{ table: 'dag_version', needs: same('id', 'dag_id', 'version_number') }],
  asset: [{ table: 'asset', needs: same('id', 'name', 'uri'), alone: true }],
  // With the names of the task instance that made it; none where it was posted.
  asset_event: [
    {
      table: 'asset_event',
      needs: { ...same('id', 'asset_id', 'timestamp'), ...OF_SOURCE },
      alone: true,
    },
  ],
  // Which DAG is to have a run because of which asset; from 3.4 on, because of which event.
  asset_dag_run_queue: [
    {
      table: 'asset_dag_run_queue',
      needs: { ...same('asset_id', 'created_at', 'asset_event_id'), dag_id: 'target_dag_id' },
      alone: true,
    },
    {
      table: 'asset_dag_run_queue',
      needs: { ...same('asset_id', 'created_at'), dag_id: 'target_dag_id' },
      unless: ['asset_event_id'],
      alone: true,
    },
  ],
  // The events that a run consumes.
  dagrun_asset_event: [{ table: 'dagrun_asset_event', needs: same('dag_run_id', 'event_id'), alone: true }],
  xcom: [
    { table: 'xcom_v2', needs: same('id', 'task_instance_id', 'key', 'value'), owner: 'task_instance_id' },
    { table: 'xcom', needs: { ...NAMES, ...same('dag_run_id', 'map_index', 'key', 'value') } },
  ],
} as const satisfies Record<string, readonly Form[]>;

/** What is copied in the end, with all its columns: `final_<name>`. */
export const COPIED_FORMS = {
  task_instance: [
    { table: 'task_instance', needs: { dag_id: 'dag_id', ...ROW_A_TRY }, where: 't.working_set' },
    { table: 'task_instance', needs: same('dag_id'), unless: ['working_set', 'region_index'] },
  ],
  task_instance_history: [
    {
      table: 'task_instance',
      needs: { ...same('dag_id'), ...ROW_A_TRY, task_instance_id: 'id' },
      where: 't.working_set IS NULL',
    },
    { table: 'task_instance_history', needs: same('dag_id') },
  ],
  dag_run: [{ table: 'dag_run', needs: same('dag_id') }],
  backfill: [{ table: 'backfill', needs: same('dag_id') }],
  backfill_dag_run: [
    {
      table: 'backfill_dag_run',
      needs: same('backfill_id'),
      ours: 't.backfill_id IN (SELECT id FROM public.backfill WHERE dag_id = ANY ($1))',
      reads: ['backfill'],
    },
  ],
  // Of the current try, as the user interface shows them.
  rendered_task_instance_fields: [
    { table: 'rtif_v2', needs: same('task_instance_id'), owner: 'task_instance_id', where: 'o.working_set' },
    { table: 'rendered_task_instance_fields', needs: same('dag_id') },
  ],
  dag_version: [{ table: 'dag_version', needs: same('dag_id') }],
  dag: [{ table: 'dag', needs: same('dag_id') }],
  trigger: [
    {
      table: 'trigger',
      needs: same('id'),
      ours: 'EXISTS (SELECT FROM public.task_instance WHERE trigger_id = t.id AND dag_id = ANY ($1))',
      // With those that no task waits for: their tasks are no longer known.
      oursAlone: 'NOT EXISTS (SELECT FROM public.task_instance WHERE trigger_id = t.id AND dag_id <> ALL ($1))',
      reads: ['task_instance'],
    },
  ],
  xcom: [
    { table: 'xcom_v2', needs: same('task_instance_id'), owner: 'task_instance_id', where: 'o.working_set' },
    { table: 'xcom', needs: same('dag_id') },
  ],
  log: [{ table: 'log', needs: same('dag_id') }],
} as const satisfies Record<string, readonly CopyForm[]>;
