/** The watched tables with the columns that are read, as Airflow has them. */
export const WATCHED_SCHEMA = `
  CREATE TABLE task_instance (id uuid PRIMARY KEY, dag_id text, run_id text, task_id text, map_index int, state text,
    try_number int, max_tries int, hostname text, pid int, queued_by_job_id int, dag_version_id uuid, other text);
  CREATE TABLE dag_run (id serial PRIMARY KEY, dag_id text, run_id text, state text, run_type text,
    logical_date timestamptz, clear_number int, backfill_id int);
  CREATE TABLE backfill (id serial PRIMARY KEY, dag_id text, completed_at timestamptz, created_at timestamptz,
    max_active_runs int, is_paused boolean);
  CREATE TABLE backfill_dag_run (id serial PRIMARY KEY, backfill_id int, dag_run_id int, exception_reason text,
    sort_ordinal int);
  CREATE TABLE rendered_task_instance_fields (dag_id text, run_id text, task_id text, map_index int,
    rendered_fields json, PRIMARY KEY (dag_id, task_id, run_id, map_index));
  CREATE TABLE dag_version (id uuid PRIMARY KEY, dag_id text, version_number int);
  CREATE TABLE asset (id serial PRIMARY KEY, name text, uri text);
  CREATE TABLE asset_event (id serial PRIMARY KEY, asset_id int, source_dag_id text, source_run_id text,
    source_task_id text, source_map_index int, "timestamp" timestamptz);
  CREATE TABLE asset_dag_run_queue (asset_id int, target_dag_id text, created_at timestamptz,
    PRIMARY KEY (asset_id, target_dag_id));
  CREATE TABLE dagrun_asset_event (dag_run_id int, event_id int, PRIMARY KEY (dag_run_id, event_id));
  CREATE TABLE xcom (dag_run_id int, dag_id text, run_id text, task_id text, map_index int, key text, value jsonb,
    PRIMARY KEY (dag_run_id, task_id, map_index, key));`;

/** The same as of 3.4: each try has a row, to which rendered fields and results belong. */
export const WATCHED_SCHEMA_34 = WATCHED_SCHEMA.replace('map_index int, state', 'region_index int, state')
  .replace('dag_version_id uuid, other', 'dag_version_id uuid, working_set boolean, archived_reason text, other')
  .replace(
    'created_at timestamptz,\n    PRIMARY KEY (asset_id, target_dag_id)',
    'asset_event_id int, created_at timestamptz,\n    PRIMARY KEY (target_dag_id, asset_event_id)',
  )
  .replace(
    /CREATE TABLE rendered_task_instance_fields [^;]*;/,
    `CREATE TABLE dag (dag_id text PRIMARY KEY, is_paused boolean);
     CREATE TABLE rtif_v2 (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), task_instance_id uuid,
       rendered_fields json);`,
  )
  .replace(
    /CREATE TABLE xcom [^;]*;/,
    `CREATE TABLE xcom_v2 (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), task_instance_id uuid, key text,
       value jsonb);`,
  );
