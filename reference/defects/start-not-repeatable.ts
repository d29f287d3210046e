import type { Defect } from './defect.ts';

export const startNotRepeatable: Defect = {
  name: 'start-not-repeatable',
  summary: 'a worker that repeats /run, because the first answer was lost, is refused',
  story:
    'The state alone decides who may start. When the answer to a successful /run is lost, the worker sends it again ' +
    'and gets the answer that the task runs already. It drops the task, and no worker runs it until the heartbeat ' +
    'time-out.',
  caughtBy: ['running-is-not-overwritten'],
  scenario: 'mishaps',
  durationS: 45,
  faults: 'lost-answers',
  change: () => ({ mayStart: ({ state }) => state === 'queued' || state === 'restarting' }),
};
