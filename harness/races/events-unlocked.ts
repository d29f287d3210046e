import { ANY_LOAD } from '../../workloads/aims.ts';
import { fanOut, PLAIN_STACK, threeAtOnce, unscheduled } from '../../workloads/shapes.ts';
import { type KnownRace, unreported } from './race.ts';

const silent = unscheduled(fanOut('wt_silent', 120, [50_000, 60_000]));
const aside = unscheduled(fanOut('wt_aside', 12, [4_000, 8_000]));

export const eventsUnlocked: KnownRace = {
  ...unreported('events-unlocked'),
  title:
    'A scheduler that processed executor events of several tasks released their locks at the first failure, and then ' +
    'overwrote the final states of other tasks, or crashed',
  marks: [
    {
      invariant: 'tasks-change-as-allowed',
      variants: [
        ...['success', 'failed', 'skipped', 'upstream_failed'].map((from) => `scheduler: ${from} → up_for_retry`),
        ...['success', 'skipped', 'upstream_failed'].map((from) => `scheduler: ${from} → failed`),
      ],
    },
    { invariant: 'history-is-complete', variants: ['lost after its end'] },
    { invariant: 'acknowledged-is-durable', variants: ['executor event'] },
    { invariant: 'processes-stay-alive', variants: ['scheduler, a row under another id'] },
  ],
  trial: {
    scenario: {
      ...PLAIN_STACK,
      name: 'race-events-unlocked',
      describe: 'Tasks that users mark while a scheduler fails them and many others for missing heartbeats',
      duration_s: 75,
      schedulers: 1,
      dags: [silent, aside],
      operators: [
        { operator: 'trigger', dags: [silent.dag_id], every_ms: 90_000, start_after_ms: 0 },
        { operator: 'trigger', dags: [aside.dag_id], every_ms: 6_000, start_after_ms: 52_000 },
        ...threeAtOnce(300, 34_000, 100).map((timing) => ({
          operator: 'mark' as const,
          dags: [silent.dag_id],
          ...timing,
        })),
      ],
      // Silent from some seconds after their start until well after a scheduler fails them, all in the same loop.
      chaos: { faults: ['zombies'], pause_ms: [7_000, 8_000], lasts_ms: [42_000, 44_000] },
      aims: [...ANY_LOAD],
    },
    has: ['airflow@3.3.2'],
    has_not: null,
  },
  reference: null,
};
