import { setTimeout as sleep } from 'node:timers/promises';
import { type Defect, oneIn } from './defect.ts';

const SLOW_CALL_MS = 9_000;

export const lockOverSlowCall: Defect = {
  name: 'lock-over-slow-call',
  summary: 'one end report in sixty calls something slow while it holds its row',
  story:
    'A listener, a secrets backend or an asset manager is called between the UPDATE and the COMMIT, and takes nine ' +
    'seconds. Everything that needs the row waits: the scheduler, which must put it on a new DAG version, and ' +
    'behind the scheduler every other run of its loop.',
  caughtBy: ['locks-are-brief'],
  scenario: 'storm',
  durationS: 30,
  change: () => ({
    async afterEnd(_tx, ti) {
      if (oneIn(60, ti.id)) await sleep(SLOW_CALL_MS);
    },
  }),
};
