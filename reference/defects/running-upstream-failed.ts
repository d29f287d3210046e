import type { Defect } from './defect.ts';

export const runningUpstreamFailed: Defect = {
  name: 'running-upstream-failed',
  summary:
    'if nothing else in a run is ready, a task with an upstream marked FAILED becomes UPSTREAM_FAILED, even a ' +
    'running one',
  story:
    'A user finds a bad result and marks the task that made it as failed, while the tasks downstream are running. ' +
    'The scheduler finds nothing to schedule in the run, and checks once more whether any unfinished task could be ' +
    'scheduled: with the flag that lets the check set UPSTREAM_FAILED, and also for tasks that workers run. Their ' +
    'work is lost, and the run ends under them.',
  caughtBy: ['running-is-not-overwritten', 'tasks-change-as-allowed'],
  scenario: 'race-upstream-marked',
  durationS: 30,
  change: () => ({ settlesUnfinished: true }),
};
