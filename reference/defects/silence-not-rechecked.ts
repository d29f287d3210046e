import type { Defect } from './defect.ts';

export const silenceNotRechecked: Defect = {
  name: 'silence-not-rechecked',
  kind: 'defect',
  summary: 'who was found silent is failed a loop later, whether it has been heard meanwhile or not',
  story:
    'The scheduler finds a worker silent, tells its executor, and hears of that from its executor in the next loop: then ' +
    'it fails what is RUNNING. A worker that was only slow, a virtual machine that was moved, has sent a heartbeat in ' +
    'between, which was accepted. It works on, or reports its end, and is told that its task is no more.',
  caughtBy: ['running-is-not-overwritten'],
  scenario: 'race-heard-again',
  durationS: 90,
  // As long as a loop of Airflow's takes.
  change: () => ({ looksAgain: false, eventDelayMs: 1_500 }),
};
