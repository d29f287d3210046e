import type { DagSpec, Scenario } from '../../harness/model/scenario.ts';
import { ANY_LOAD } from '../aims.ts';
import { fanOut, ids, PLAIN_STACK, QUICK_BEATS, STEADY_HABITS } from '../shapes.ts';

// Few tasks at once: a server has fifteen connections to the database, and each write that waits takes one.
const late = [1, 2].map((n) => ({ ...fanOut(`wt_late_${n}`, 8, [3_000, 6_000]), max_active_tasks: 6 }));
/** Their tasks are not cleared, and write twice at once, which every build can do right or wrong. */
const twice = doubled(fanOut('wt_twice', 8, [1_000, 2_000]));

/** Overlapping tries of a task, as #63581 has them beside doubled requests: their rendered fields have one row. */
export const scenario: Scenario = {
  ...PLAIN_STACK,
  name: 'late-fields',
  describe: 'Tasks that are cleared again and again while their writes of rendered fields wait for a locked table',
  duration_s: 60,
  api_servers: 2,
  dags: [...late, twice],
  fleet: { ...QUICK_BEATS, habits: STEADY_HABITS },
  operators: [
    { operator: 'trigger', dags: [...ids(late), twice.dag_id], every_ms: 4_000, start_after_ms: 1_000 },
    // A task that is cleared once waits for its worker to stop; cleared twice, it begins again beside it.
    { operator: 'clear', dags: ids(late), every_ms: 400, start_after_ms: 3_000 },
  ],
  chaos: { faults: ['fields-lock'], pause_ms: [1_000, 2_000], lasts_ms: [4_000, 6_000] },
  aims: [...ANY_LOAD, 'rtif-last-writer-wins'],
};

function doubled(dag: DagSpec): DagSpec {
  return { ...dag, tasks: dag.tasks.map((task) => ({ ...task, habits: { rtif_twice: 1 } })) };
}
