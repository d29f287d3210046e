import { type Defect, oneIn } from './defect.ts';

/** What a try leaves to the next one. */
export const TRY_DEFECTS: readonly Defect[] = [
  {
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
  },

  {
    name: 'history-lost',
    summary: 'one try in three leaves no row in the history',
    story:
      'The row gets its new id in one transaction and the old try its history row in another, which may never come. ' +
      "The try's logs cannot be found, its duration is gone from every statistic, and its worker gets 404 instead of " +
      '410.',
    caughtBy: ['history-is-complete'],
    scenario: 'crowd',
    change: (below) => ({
      async archiveTry(tx, ti) {
        if (!oneIn(3, ti.id)) await below.archiveTry(tx, ti);
      },
    }),
  },

  {
    name: 'history-wrong-try',
    summary: 'a try is put into the history under the number of the next one: a gap where it was',
    story:
      'The history row is written after the counter was raised. The first try is missing, the second is there twice ' +
      'as soon as it ends, and the log of try 1 is shown for try 2.',
    caughtBy: ['history-is-complete'],
    scenario: 'crowd',
    change: (below) => ({
      async archiveTry(tx, ti) {
        await below.archiveTry(tx, ti);
        await tx.query('UPDATE task_instance_history SET try_number = try_number + 1 WHERE task_instance_id = $1', [
          ti.id,
        ]);
      },
    }),
  },

  {
    name: 'history-without-queued',
    summary: 'a try that fails while it is queued leaves no row in the history',
    story:
      'A pod cannot be scheduled, or a worker dies before it has started its task: the executor reports a failure, ' +
      'and the task is tried again. Only what was RUNNING goes to the history, so that the try is gone: nothing says ' +
      'that it was, nor why it failed. The row keeps its id, under another try number.',
    caughtBy: ['history-is-complete'],
    scenario: 'race-67238',
    change: () => ({ keepsFailed: (state) => state === 'running' }),
  },

  {
    name: 'try-number-skipped',
    summary: 'scheduling now and then raises the try number by two',
    story:
      'Two places raise the counter, each believing that the other does not. A retry is lost without having been ' +
      'tried, and the tries of a task are numbered 1, 3, 4.',
    caughtBy: ['history-is-complete'],
    scenario: 'crowd',
    change: (below) => ({
      nextTryNumber: `(${below.nextTryNumber}) + CASE WHEN try_number > 0 AND random() < 0.5 THEN 1 ELSE 0 END`,
    }),
  },

  {
    name: 'retry-delay-ignored',
    summary: 'a task that failed is tried again at once',
    story:
      'The delay is there so that what failed can recover. A service that was down for a second is asked again in ' +
      'the same second, until no try is left.',
    caughtBy: ['a-retry-is-a-retry'],
    scenario: 'crowd',
    change: () => ({ isPremature: () => false }),
  },

  {
    name: 'xcoms-survive-their-try',
    summary: 'a new try does not learn which results the previous try has left',
    story:
      'A task that failed half-way has pushed results already. The next try pushes fewer of them, and what comes ' +
      'downstream works with a mixture of both.',
    caughtBy: ['results-belong-to-their-try'],
    scenario: 'crowd',
    change: () => ({ xcomsToClear: async () => [] }),
  },
];
