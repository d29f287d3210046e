import { ANY_LOAD } from '../../workloads/aims.ts';
import { fanOut, ids, PLAIN_STACK, REAL_CLIENT, STEADY_HABITS, unscheduled } from '../../workloads/shapes.ts';
import { type KnownRace, unreported } from './race.ts';

const slow = unscheduled(fanOut('wt_slow', 10, [6_000, 9_000]), 64);

export const staleHeartbeatTimeout: KnownRace = {
  ...unreported('stale-heartbeat-timeout'),
  title:
    'A worker was failed for missing heartbeats although a newer heartbeat had been accepted: the scheduler does not ' +
    'check again',
  marks: [
    { invariant: 'running-is-not-overwritten', variants: ['stale heartbeat timeout'] },
    // The end report came as it was failed.
    { invariant: 'no-deadlocks', variants: ['silent try archived twice'] },
  ],
  trial: {
    scenario: {
      ...PLAIN_STACK,
      name: 'race-stale-heartbeat-timeout',
      describe: 'Workers that stop for as long as the heartbeat time-out, and resume just as a scheduler fails them',
      duration_s: 90,
      schedulers: 1,
      dags: [slow],
      fleet: { ...REAL_CLIENT, heartbeat_ms: 667, habits: STEADY_HABITS },
      operators: [{ operator: 'trigger', dags: ids([slow]), every_ms: 3_000, start_after_ms: 0 }],
      // The stopped workers resume one by one, in the 20 s that begin when a scheduler may fail them.
      chaos: { faults: ['zombies'], pause_ms: [0, 1_000], lasts_ms: [58_000, 62_000] },
      aims: [...ANY_LOAD, 'a-superseded-try-is-refused'],
    },
    has: ['airflow@3.3.2'],
    has_not: null,
  },
  places: [
    {
      does: 'scheduler, reads which tasks have no heartbeat',
      file: 'jobs/scheduler_job_runner.py',
      within: '_find_task_instances_without_heartbeats',
      code: 'select(TI)',
    },
    {
      does: 'scheduler, fails them without another look',
      file: 'jobs/scheduler_job_runner.py',
      within: '_purge_task_instances_without_heartbeats',
    },
  ],
  reference: 'reference+silence-not-rechecked',
};
