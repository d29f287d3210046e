import type { Defect } from './defect.ts';

export const startNotRepeatable: Defect = {
  name: 'start-not-repeatable',
  kind: 'defect',
  summary: 'a worker that repeats /run, because the first answer was lost, is refused',
  story:
    'The state alone decides who may start. A worker whose first /run was carried out and whose answer was lost is told ' +
    'that the task runs already, drops it, and nobody runs it until the heartbeat time-out.',
  caughtBy: ['running-is-not-overwritten'],
  scenario: 'mishaps',
  durationS: 45,
  faults: 'lost-answers',
  change: () => ({ mayStart: ({ state }) => state === 'queued' || state === 'restarting' }),
};
