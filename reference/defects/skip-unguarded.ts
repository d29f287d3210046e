import type { Defect } from './defect.ts';

export const skipUnguarded: Defect = {
  name: 'skip-unguarded',
  summary: 'a branch skip overwrites tasks that are running',
  story:
    'skip-downstream is one UPDATE by task id, without a look at the state. Where a downstream task runs already ' +
    '(one_success reached it by another path, or the branch was cleared while it ran), it becomes SKIPPED while its ' +
    'worker runs it: the next heartbeat is refused with 409 not_running, and healthy work is killed. Airflow up to ' +
    '3.1.8.',
  caughtBy: ['running-is-not-overwritten', 'a-started-life-owns-its-task'],
  scenario: 'branches',
  change: () => ({ skippable: 'true' }),
};
