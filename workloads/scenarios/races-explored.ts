import type { DagSpec, Scenario } from '../../harness/model/scenario.ts';
import { ANY_LOAD } from '../aims.ts';
import { backfillTarget, fanOut, ids, PLAIN_STACK, REAL_CLIENT, STEADY_HABITS, unscheduled } from '../shapes.ts';

/** Settings like those of races.ts, of what was first found by `exploratory` on 3.3.2. */

/** When three people do the same, each some milliseconds after the one before. */
function threeAtOnce(every_ms: number, start_after_ms: number, apart_ms: number) {
  return [0, 1, 2].map((n) => ({ every_ms, start_after_ms: start_after_ms + n * apart_ms }));
}

const reports = [1, 2].map((n) => unscheduled(fanOut(`wt_reports_${n}`, 20, [1_000, 3_000])));

const takenAsFailure: Scenario = {
  ...PLAIN_STACK,
  name: 'race-taken-as-failure',
  describe: 'Workers whose reports meet a connection to the database that breaks, half of them for another try',
  duration_s: 45,
  dags: reports,
  fleet: { ...REAL_CLIENT, habits: { ...STEADY_HABITS, fails: 0.5 } },
  operators: [{ operator: 'trigger', dags: ids(reports), every_ms: 2_000, start_after_ms: 0 }],
  chaos: {
    faults: ['wire-cut:api-execution', 'kill-backend:api-execution'],
    pause_ms: [0, 300],
    lasts_ms: [500, 1_500],
  },
  aims: [...ANY_LOAD, 'acknowledged-is-durable', 'a-retry-is-a-retry'],
};

const cleared = unscheduled(fanOut('wt_cleared', 6, [2_000, 4_000]));
const aside = unscheduled(fanOut('wt_aside', 12, [4_000, 8_000]));

const unlockedClear: Scenario = {
  ...PLAIN_STACK,
  name: 'race-unlocked-clear',
  describe: 'Several people who clear the same few tasks at once, while these end and are tried again',
  duration_s: 40,
  dags: [cleared, aside],
  fleet: { ...REAL_CLIENT, habits: { ...STEADY_HABITS, fails: 0.4 } },
  operators: [
    { operator: 'trigger', dags: [cleared.dag_id], every_ms: 10_000, start_after_ms: 0 },
    { operator: 'trigger', dags: [aside.dag_id], every_ms: 7_000, start_after_ms: 0 },
    ...threeAtOnce(330, 3_000, 70).map((timing) => ({ operator: 'clear' as const, dags: [cleared.dag_id], ...timing })),
  ],
  aims: [...ANY_LOAD, 'history-is-complete'],
};

/** Layers of short tasks in many runs, so that there is something to schedule at every look, and more than one looks. */
const busy = [1, 2, 3].map((n): DagSpec => {
  const layers = [1, 2, 3, 4, 5].map((layer) => [1, 2].map((i) => `at_${layer}_${i}`));
  return {
    dag_id: `wt_busy_${n}`,
    schedule: '* * * * *',
    past_runs: 14,
    max_active_runs: 16,
    tasks: layers.flatMap((names, layer) =>
      names.map((task_id) => ({ task_id, upstream: layers[layer - 1] ?? [], duration_ms: [200, 2_000] as const })),
    ),
  };
});

const unlockedRun: Scenario = {
  ...PLAIN_STACK,
  name: 'race-unlocked-run',
  describe: 'Schedulers that lose their connection to the database while they examine runs, and try again',
  duration_s: 45,
  schedulers: 3,
  dags: busy,
  operators: [{ operator: 'trigger', dags: ids(busy), every_ms: 5_000, start_after_ms: 5_000 }],
  chaos: { faults: ['kill-backend:scheduler'], pause_ms: [1_500, 3_000] },
  aims: [...ANY_LOAD],
};

const ending = [1, 2, 3, 4, 5, 6].map((n): DagSpec => ({ ...backfillTarget(`wt_ending_${n}`), max_active_runs: 16 }));

const dagRows: Scenario = {
  ...PLAIN_STACK,
  name: 'race-dag-rows',
  describe: 'Short runs of many DAGs, several of which end at each look of a scheduler',
  duration_s: 45,
  schedulers: 3,
  dags: ending,
  churn: { dags: ids(ending), every_ms: 2_000 },
  operators: [{ operator: 'trigger', dags: ids(ending), every_ms: 100, start_after_ms: 0 }],
  aims: [...ANY_LOAD],
};

const marked: DagSpec = unscheduled(fanOut('wt_marked', 40, [10_000, 15_000]), 2);

const marksDeadlock: Scenario = {
  ...PLAIN_STACK,
  name: 'race-marks-deadlock',
  describe: 'Requests that mark several running tasks each, while their DAGs get new versions',
  duration_s: 75,
  dags: [marked],
  churn: { dags: [marked.dag_id], every_ms: 1_000 },
  operators: [{ operator: 'trigger', dags: [marked.dag_id], every_ms: 4_000, start_after_ms: 0 }],
  chaos: { faults: ['bulk-changes'], pause_ms: [0, 500], lasts_ms: [8_000, 10_000] },
  aims: [...ANY_LOAD, 'no-deadlocks'],
};

const written = [1, 2].map((n) => fanOut(`wt_written_${n}`, 30, [2_000, 5_000]));

const fieldsOfDeleted: Scenario = {
  ...PLAIN_STACK,
  name: 'race-fields-of-deleted',
  describe: 'Runs that are deleted while their workers write rendered fields',
  duration_s: 45,
  dags: written,
  fleet: { ...REAL_CLIENT, habits: { ...STEADY_HABITS, rtif_twice: 0.5 } },
  operators: [{ operator: 'trigger', dags: ids(written), every_ms: 2_500, start_after_ms: 1_000 }],
  chaos: { faults: ['delete-runs'], pause_ms: [0, 500], lasts_ms: [8_000, 10_000] },
  aims: [...ANY_LOAD, 'error-contract'],
};

const silent = unscheduled(fanOut('wt_silent', 120, [50_000, 60_000]));

const eventsUnlocked: Scenario = {
  ...PLAIN_STACK,
  name: 'race-events-unlocked',
  describe: 'Tasks that are marked while a scheduler fails them and many others, whose workers have been silent',
  duration_s: 75,
  schedulers: 1,
  dags: [silent, aside],
  operators: [
    { operator: 'trigger', dags: [silent.dag_id], every_ms: 90_000, start_after_ms: 0 },
    { operator: 'trigger', dags: [aside.dag_id], every_ms: 6_000, start_after_ms: 52_000 },
    ...threeAtOnce(300, 34_000, 100).map((timing) => ({ operator: 'mark' as const, dags: [silent.dag_id], ...timing })),
  ],
  // Silent from some seconds after their start until well after a scheduler gives them up, all at the same look.
  chaos: { faults: ['zombies'], pause_ms: [7_000, 8_000], lasts_ms: [42_000, 44_000] },
  aims: [...ANY_LOAD],
};

const asked = [1, 2].map((group) => [1, 2, 3, 4, 5].map((n) => backfillTarget(`wt_asked_${group}_${n}`)));

const backfillsAtOnce: Scenario = {
  ...PLAIN_STACK,
  name: 'race-backfills-at-once',
  describe: 'Two people who ask for a backfill of the same DAG at the same moment',
  duration_s: 30,
  dags: asked.flat(),
  operators: asked.map((dags, i) => ({
    operator: 'backfill' as const,
    dags: ids(dags),
    runs: 5,
    max_active_runs: 2,
    second_after_ms: 5,
    start_after_ms: 500 + i * 1_500,
    pause_ms: 500,
  })),
  aims: [...ANY_LOAD],
};

export const EXPLORED: readonly Scenario[] = [
  takenAsFailure,
  unlockedClear,
  unlockedRun,
  dagRows,
  marksDeadlock,
  fieldsOfDeleted,
  eventsUnlocked,
  backfillsAtOnce,
];
