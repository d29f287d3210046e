import { HAS_REVISION, REVISION, runsLeft, tasksLeft } from '../model/airflow/statements.ts';
import type { WorkLeft } from '../model/upgrade.ts';
import { readAirflowSchema } from '../system/airflow-schema.ts';
import { withClient } from '../system/postgres-client.ts';

/** What a phase leaves to the next one. */
export async function readWorkLeft(dsn: string): Promise<WorkLeft> {
  return withClient(dsn, async (client) => {
    const schema = await readAirflowSchema(client);
    const { rows: counts } = await client.query<{ runs: number; older: number; versions: number }>(runsLeft(schema));
    const { rows: tasks } = await client.query<{ state: string; n: number }>(tasksLeft(schema));
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
    const { rows: tables } = await client.query(HAS_REVISION);
    if (tables.length === 0) return null;
    const { rows } = await client.query<{ version: string }>(REVISION);
    return rows.map(({ version }) => version).join(', ') || null;
  });
}
