import type { Defect } from './defect.ts';

export const xcomsSurviveTheirTry: Defect = {
  name: 'xcoms-survive-their-try',
  summary: 'a new try does not learn which results the previous try has left',
  story:
    'A task that failed half-way has pushed results already. The next try pushes fewer of them, and what comes ' +
    'downstream works with a mixture of both.',
  caughtBy: ['results-belong-to-their-try'],
  scenario: 'crowd',
  change: () => ({ xcomsToClear: async () => [] }),
};
