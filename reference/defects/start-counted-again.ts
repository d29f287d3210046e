import type { Defect } from './defect.ts';

export const startCountedAgain: Defect = {
  name: 'start-counted-again',
  summary: 'a start that is sent again is counted as another try',
  story:
    'The answer to a start is lost, and the client sends it again. Counted again, the task has one try fewer, its ' +
    'log is looked for under another number, and the history has a gap.',
  caughtBy: ['a-start-takes-effect-once', 'a-retry-is-a-retry'],
  scenario: 'mishaps',
  change: () => ({
    async startAgain(tx, ti) {
      await tx.query('UPDATE task_instance SET try_number = try_number + 1 WHERE id = $1', [ti.id]);
    },
  }),
};
