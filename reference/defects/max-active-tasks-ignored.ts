import type { Defect } from './defect.ts';

export const maxActiveTasksIgnored: Defect = {
  name: 'max-active-tasks-ignored',
  summary: 'tasks of a run are queued beyond max_active_tasks',
  story:
    'The limit is compared when candidates are chosen, and not again for each of them. A DAG that may ask its ' +
    'database for four things at once asks for eight.',
  caughtBy: ['max-active-tasks-is-kept'],
  scenario: 'mishaps',
  change: () => ({ hasRoom: () => true }),
};
