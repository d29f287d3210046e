import type { Defect } from './defect.ts';

export const silenceNotRechecked: Defect = {
  name: 'silence-not-rechecked',
  summary: 'a task without heartbeats is failed a loop later, even if a heartbeat was accepted in between',
  story:
    'The scheduler finds a worker without heartbeats, reports that to its executor, and gets an event from its ' +
    'executor in the next loop: then it fails what is RUNNING. A worker that was only slow, such as a virtual ' +
    'machine that was moved, has sent a heartbeat in between, which was accepted. It keeps working, or reports its ' +
    'end, and gets the answer that its task is gone.',
  caughtBy: ['running-is-not-overwritten'],
  scenario: 'race-stale-heartbeat-timeout',
  durationS: 90,
  // As long as a loop of Airflow's takes.
  change: () => ({ looksAgain: false, eventDelayMs: 1_500 }),
};
