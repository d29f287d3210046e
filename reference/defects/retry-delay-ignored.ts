import type { Defect } from './defect.ts';

export const retryDelayIgnored: Defect = {
  name: 'retry-delay-ignored',
  summary: 'a task that failed is tried again at once',
  story:
    'The delay is there so that what failed can recover. A service that was down for a second is asked again in ' +
    'the same second, until no try is left.',
  caughtBy: ['a-retry-is-a-retry'],
  scenario: 'crowd',
  change: () => ({ isPremature: () => false }),
};
