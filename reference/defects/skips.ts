import type { Defect } from './defect.ts';

/** What a branch skips while it runs (#63266). */
export const SKIP_DEFECTS: readonly Defect[] = [
  {
    name: 'skip-unguarded',
    summary: 'a branch skip overwrites tasks that are running',
    story:
      'skip-downstream is one UPDATE by task id, without a look at the state. Where a downstream task runs already ' +
      '(one_success reached it by another path, or the branch was cleared while it ran), it becomes SKIPPED while ' +
      'its worker runs it: the next heartbeat is refused with 409 not_running, and healthy work is killed. Airflow ' +
      'up to 3.1.8.',
    caughtBy: ['running-is-not-overwritten', 'a-started-life-owns-its-task'],
    scenario: 'branches',
    change: () => ({ skippable: 'true' }),
  },

  {
    name: 'skip-guard-without-null',
    kind: 'remedy',
    summary: 'the skip is guarded by state NOT IN (…), which is never true of tasks that have no state yet',
    story:
      'The obvious guard for #63266. In SQL, NULL NOT IN (…) is NULL, so the tasks that most need skipping, those ' +
      'that are not scheduled yet, are left alone: the request is answered 204, and the branch that was not chosen ' +
      'runs.',
    caughtBy: ['skips-take-effect'],
    scenario: 'branches',
    change: () => ({ skippable: `state NOT IN ('running', 'success', 'failed')` }),
  },

  {
    name: 'skip-guard-queued',
    kind: 'remedy',
    summary: 'the skip leaves QUEUED tasks alone, too, and the branch that was not chosen runs',
    story:
      'A guard that protects all tasks that an executor holds. A QUEUED task has done nothing yet: its worker would ' +
      'have got 409 at /run and ended. Protected, it starts, although the branch has decided against it.',
    caughtBy: ['skips-take-effect'],
    scenario: 'branches',
    change: () => ({ skippable: `(state IS NULL OR state NOT IN ('queued', 'running', 'success', 'failed'))` }),
  },
];
