import type { Defect } from './defect.ts';

export const poolOversubscribed: Defect = {
  name: 'pool-oversubscribed',
  kind: 'defect',
  summary: "a pool's slots are given out anew in every loop, whatever is taken",
  story:
    'A pool protects something that cannot bear more: a licence, a small database. Here the scheduler subtracts what ' +
    'it has queued itself in this loop and forgets what runs already.',
  caughtBy: ['pool-slots-are-kept'],
  scenario: 'crowd',
  change: () => ({ freeSlots: ({ slots }) => slots }),
};
