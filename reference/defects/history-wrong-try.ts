import type { Defect } from './defect.ts';

export const historyWrongTry: Defect = {
  name: 'history-wrong-try',
  summary: 'a try is put into the history under the number of the next one: a gap where it was',
  story:
    'The history row is written after the counter was raised. The first try is missing, the second is there twice as ' +
    'soon as it ends, and the log of try 1 is shown for try 2.',
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
};
