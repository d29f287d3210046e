import { ANY_LOAD } from '../../workloads/aims.ts';
import { fanOut, ids, PLAIN_STACK, REAL_CLIENT, STEADY_HABITS, unscheduled } from '../../workloads/shapes.ts';
import { type KnownRace, unreported } from './race.ts';

const silent = unscheduled(fanOut('wt_silent', 10, [3_000, 6_000]), 64);

export const silentRetry: KnownRace = {
  ...unreported('silent-retry'),
  title:
    'A scheduler exits when it retries a task without heartbeats: sending the callback has closed its session, and ' +
    'the try is not archived before the next one is made',
  marks: [{ invariant: 'processes-stay-alive', variants: ['scheduler, a second current try'] }],
  trial: {
    scenario: {
      ...PLAIN_STACK,
      name: 'race-silent-retry',
      describe: 'Workers that fall silent while they run a task with a retry left',
      duration_s: 60,
      dags: [silent],
      fleet: { ...REAL_CLIENT, habits: { ...STEADY_HABITS, silent_death: 0.3 } },
      operators: [{ operator: 'trigger', dags: ids([silent]), every_ms: 6_000, start_after_ms: 1_000 }],
      aims: [...ANY_LOAD, 'processes-stay-alive', 'silent-deaths-are-noticed'],
    },
    has: ['airflow@3.4.0b2'],
    has_not: 'airflow@3.3.2',
  },
  reference: null,
};
