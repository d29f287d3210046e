import type { Defect } from './defect.ts';

export const stateLockJoined: Defect = {
  name: 'state-lock-joined',
  summary: 'an end report locks its task instance, then by a bare FOR UPDATE its dag_run, too',
  story:
    'The ORM fetches the task instance joined with its DAG run, and a bare FOR UPDATE locks both. The scheduler ' +
    'holds the dag_run row while it puts the task instances on a new DAG version: each waits for the other, ' +
    'PostgreSQL ends one of them, and the worker or the scheduler gets an error. Airflow 3.2.0 and 3.2.1.',
  caughtBy: ['no-deadlocks', 'error-contract'],
  scenario: 'storm',
  change: () => ({
    async lockForState(tx, id) {
      await tx.query(
        `SELECT task_instance.*, dag_run.* FROM task_instance
         JOIN dag_run ON dag_run.dag_id = task_instance.dag_id AND dag_run.run_id = task_instance.run_id
         WHERE task_instance.id = $1 FOR UPDATE`,
        [id],
      );
    },
  }),
};
