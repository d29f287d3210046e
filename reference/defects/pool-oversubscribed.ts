import type { Defect } from './defect.ts';

export const poolOversubscribed: Defect = {
  name: 'pool-oversubscribed',
  summary: 'every loop gives out all slots of a pool, also those that are taken',
  story:
    'A pool protects something that cannot bear more: a licence, a small database. Here the scheduler subtracts what ' +
    'it has queued itself in this loop and forgets what runs already.',
  caughtBy: ['pool-slots-are-kept'],
  scenario: 'crowd',
  change: () => ({ freeSlots: ({ slots }) => slots }),
};
