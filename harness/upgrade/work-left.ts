import type { WorkLeft } from '../model/upgrade.ts';
import { withClient } from '../system/postgres-client.ts';

const UNFINISHED = `SELECT dag_id, run_id FROM dag_run WHERE state IN ('queued', 'running')`;

/** A run is of an older version as long as no task of it is of the newest one: so the schedulers see it, too. */
const RUNS = `
  WITH unfinished AS (${UNFINISHED}), newest AS (
    SELECT DISTINCT ON (dag_id) dag_id, id FROM dag_version ORDER BY dag_id, version_number DESC
  )
  SELECT
    (SELECT count(*)::int FROM unfinished) AS runs,
    (SELECT count(*)::int FROM unfinished JOIN newest USING (dag_id)
      WHERE NOT EXISTS (
        SELECT FROM task_instance ti
         WHERE ti.dag_id = unfinished.dag_id AND ti.run_id = unfinished.run_id AND ti.dag_version_id = newest.id
      )) AS older,
    (SELECT count(*)::int FROM dag_version) AS versions`;

const TASKS = `
  WITH unfinished AS (${UNFINISHED})
  SELECT coalesce(ti.state, 'none') AS state, count(*)::int AS n
    FROM unfinished JOIN task_instance ti USING (dag_id, run_id) GROUP BY 1 ORDER BY 1`;

/** What a phase leaves to the next one. */
export async function readWorkLeft(dsn: string): Promise<WorkLeft> {
  return withClient(dsn, async (client) => {
    const { rows: counts } = await client.query<{ runs: number; older: number; versions: number }>(RUNS);
    const { rows: tasks } = await client.query<{ state: string; n: number }>(TASKS);
    const [{ runs, older, versions } = { runs: 0, older: 0, versions: 0 }] = counts;
    return {
      unfinished_runs: runs,
      runs_of_older_versions: older,
      tasks: Object.fromEntries(tasks.map(({ state, n }) => [state, n])),
      dag_versions: versions,
    };
  });
}

/** Alembic's revision; null where the database has none. */
export async function readRevision(dsn: string): Promise<string | null> {
  return withClient(dsn, async (client) => {
    const { rows: tables } = await client.query(`SELECT 1 WHERE to_regclass('public.alembic_version') IS NOT NULL`);
    if (tables.length === 0) return null;
    const { rows } = await client.query<{ version: string }>('SELECT version_num AS version FROM alembic_version');
    return rows.map(({ version }) => version).join(', ') || null;
  });
}
