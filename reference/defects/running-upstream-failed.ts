import type { Defect } from './defect.ts';

export const runningUpstreamFailed: Defect = {
  name: 'running-upstream-failed',
  kind: 'defect',
  summary:
    'where nothing else is ready in a run, a task whose upstream is marked FAILED becomes UPSTREAM_FAILED, also while it runs',
  story:
    'Somebody looks at a result, finds it bad, and marks the task that made it as failed; what comes after it is at work ' +
    'by then. The scheduler looks at the run, finds nothing to schedule, and asks once more whether any unfinished task ' +
    'could be: with the flag that lets the question set UPSTREAM_FAILED, and of tasks that workers run, too. The work of ' +
    'those is lost, and the run ends under them.',
  caughtBy: ['running-is-not-overwritten', 'tasks-change-as-allowed'],
  scenario: 'race-upstream-marked',
  durationS: 30,
  change: () => ({ settlesUnfinished: true }),
};
