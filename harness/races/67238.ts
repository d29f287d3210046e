import { ANY_LOAD } from '../../workloads/aims.ts';
import { fanOut, PLAIN_STACK, QUICK_BEATS, STEADY_HABITS } from '../../workloads/shapes.ts';
import { type KnownRace, reported } from './race.ts';

const lost = fanOut('wt_lost', 20, [500, 1_500]);

export const lostWhileQueued: KnownRace = {
  ...reported(67238),
  title: 'A try that failed while it was queued is missing in task_instance_history',
  marks: [{ invariant: 'history-is-complete', variants: ['lost while queued'] }],
  trial: {
    scenario: {
      ...PLAIN_STACK,
      name: 'race-67238',
      describe: 'Workers that die before they start their task (#67238)',
      duration_s: 30,
      dags: [{ ...lost, tasks: lost.tasks.map((task) => ({ ...task, retries: 3 })) }],
      fleet: { ...QUICK_BEATS, habits: { ...STEADY_HABITS, never_starts: 0.2 } },
      operators: [{ operator: 'trigger', dags: [lost.dag_id], every_ms: 6_000, start_after_ms: 1_000 }],
      aims: [...ANY_LOAD, 'history-is-complete'],
    },
    has: ['airflow@3.3.2'],
    has_not: null,
  },
  places: [
    {
      does: 'scheduler, archives a try only if it was running',
      file: 'models/taskinstance.py',
      within: 'fetch_handle_failure_context',
      code: 'if ti.state == TaskInstanceState.RUNNING',
    },
  ],
  reference: 'reference+history-without-queued',
};
