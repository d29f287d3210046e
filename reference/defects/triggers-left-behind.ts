import type { Defect } from './defect.ts';

export const triggersLeftBehind: Defect = {
  name: 'triggers-left-behind',
  summary: 'triggers that no task waits for any more are not deleted',
  story:
    'Each deferral leaves its trigger. After a week the triggerer watches a hundred thousand files for no task, and ' +
    'the tasks that do wait for a trigger wait long.',
  caughtBy: ['triggers-end-with-their-deferral'],
  scenario: 'mishaps',
  durationS: 45,
  change: () => ({ unusedTriggers: 'false' }),
};
