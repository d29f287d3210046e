import type { Defect } from './defect.ts';

export const startByImpostor: Defect = {
  name: 'start-by-impostor',
  summary: 'a task that runs on one worker can be started on another',
  story:
    '/run may be repeated by the same worker, whose first answer was lost. Without the comparison of host, user and ' +
    'pid any worker may repeat it: a workload that was delivered twice runs twice.',
  caughtBy: ['impostors-are-refused', 'a-started-life-owns-its-task'],
  scenario: 'crowd',
  change: () => ({ mayStart: ({ state }) => state === 'queued' || state === 'restarting' || state === 'running' }),
};
