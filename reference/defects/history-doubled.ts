import type { Defect } from './defect.ts';

export const historyDoubled: Defect = {
  name: 'history-doubled',
  summary: 'a try is put into the history twice',
  story:
    'The API and a handler both record the try that ended, and the table has no unique key over task and try ' +
    '(Airflow had none for a long time). Every count of attempts is too high by one.',
  caughtBy: ['history-is-complete'],
  scenario: 'crowd',
  schema: 'ALTER TABLE task_instance_history DROP CONSTRAINT task_instance_history_dtrt_uq',
  change: (below) => ({
    async archiveTry(tx, ti) {
      await below.archiveTry(tx, ti);
      await tx.query(
        `INSERT INTO task_instance_history (task_instance_id, dag_id, task_id, run_id, map_index, try_number, state,
           pool, pool_slots)
         VALUES (uuidv7(), $1, $2, $3, $4, $5, 'failed', $6, $7)`,
        [ti.dag_id, ti.task_id, ti.run_id, ti.map_index, ti.try_number, ti.pool, ti.pool_slots],
      );
    },
  }),
};
