import type { Defect } from './defect.ts';

const BATCH = 50;

export const versionUpdateSkipLocked: Defect = {
  name: 'version-update-skip-locked',
  kind: 'remedy',
  summary: 'the scheduler puts instances on a new version in ordered batches that skip what is locked',
  story:
    'The remedy on the other side: end reports still lock the DAG run, but the scheduler, which holds it, no longer ' +
    'waits for another transaction. A row that a worker is just reporting on is left out; it has ended by the next ' +
    'loop. Bounded batches in the order of the primary key keep two schedulers from meeting each other, too.',
  caughtBy: [],
  scenario: 'storm',
  on: ['state-lock-joined'],
  change: () => ({
    async assignDagVersion(tx, run, dagVersionId) {
      for (let after = '00000000-0000-0000-0000-000000000000'; ; ) {
        const { rows } = await tx.query<{ id: string }>(
          `SELECT id::text AS id FROM task_instance
           WHERE dag_id = $1 AND run_id = $2 AND id > $3 AND dag_version_id IS DISTINCT FROM $4
             AND (state IS NULL OR state NOT IN ('success', 'failed', 'skipped', 'upstream_failed', 'removed'))
           ORDER BY id LIMIT ${BATCH} FOR UPDATE SKIP LOCKED`,
          [run.dag_id, run.run_id, after, dagVersionId],
        );
        const last = rows.at(-1);
        if (!last) return;
        await tx.query('UPDATE task_instance SET dag_version_id = $1 WHERE id = ANY($2)', [
          dagVersionId,
          rows.map(({ id }) => id),
        ]);
        after = last.id;
      }
    },
  }),
};
