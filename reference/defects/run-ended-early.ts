import type { Defect } from './defect.ts';

export const runEndedEarly: Defect = {
  name: 'run-ended-early',
  summary: 'a run is ended while one of its task instances is not',
  story:
    'The last task is counted as done when it is about to be. The run is a success, what waits for it begins, and ' +
    'the task that was left is never run, or fails in a run that has succeeded.',
  caughtBy: ['runs-change-as-allowed'],
  scenario: 'crowd',
  change: () => ({ mayEnd: (unfinished) => unfinished <= 1 }),
};
