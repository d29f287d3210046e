import { setTimeout as sleep } from 'node:timers/promises';

import type { Defect } from './defect.ts';

/** What an ORM's unit of work takes between reading forty rows and writing them back. */
const BETWEEN_MS = 40;

export const versionWritesState: Defect = {
  name: 'version-writes-state',
  summary: 'the scheduler writes back whole rows to set their DAG version: a state that changed in between is lost',
  story:
    'A lost update. The scheduler reads the unfinished instances without a lock and writes every column back with ' +
    'the new version. A task that a worker started or ended in between returns to its old state: RUNNING becomes ' +
    'QUEUED under its worker, and an acknowledged SUCCESS becomes RUNNING again and stays so.',
  caughtBy: ['acknowledged-is-durable', 'running-is-not-overwritten'],
  scenario: 'storm',
  durationS: 20,
  change: () => ({
    async assignDagVersion(tx, run, dagVersionId) {
      const { rows } = await tx.query<{ id: string; state: string | null }>(
        `SELECT id::text AS id, state FROM task_instance
         WHERE dag_id = $1 AND run_id = $2 AND state NOT IN ('success', 'failed', 'skipped', 'upstream_failed', 'removed')`,
        [run.dag_id, run.run_id],
      );
      await sleep(BETWEEN_MS);
      await tx.query(
        `UPDATE task_instance SET dag_version_id = $1, state = read.state
         FROM json_to_recordset($2) AS read(id uuid, state text) WHERE task_instance.id = read.id`,
        [dagVersionId, JSON.stringify(rows)],
      );
    },
  }),
};
