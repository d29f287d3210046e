import type { Defect } from './defect.ts';

export const orphanResetLive: Defect = {
  name: 'orphan-reset-live',
  summary: "every scheduler takes the others' tasks for orphans and resets them, alive or not",
  story:
    'The look for orphans forgets that a scheduler may be alive although it is not this one, and the executor ' +
    'adopts nothing, as the base class has it. Every half minute all running tasks are reset, get a new id and run ' +
    'a second time, while their first workers get 410.',
  caughtBy: ['running-is-not-overwritten', 'a-started-life-owns-its-task', 'one-live-attempt'],
  scenario: 'storm',
  durationS: 40,
  change: () => ({ orphaned: 'true', adopts: false }),
};
