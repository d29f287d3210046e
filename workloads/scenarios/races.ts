import type { DagSpec, Scenario } from '../../harness/model/scenario.ts';
import { ANY_LOAD } from '../aims.ts';
import {
  backfillTarget,
  earlyBranch,
  fanOut,
  ids,
  lateBranch,
  PLAIN_STACK,
  REAL_CLIENT,
  STEADY_HABITS,
  unscheduled,
} from '../shapes.ts';
import { EXPLORED } from './races-explored.ts';

/**
 * One regression scenario for each known race: the setting that shows it, short, and nothing else. They are what the track
 * record (records/track-record.md) is measured with, and what CI replays: a harness that no longer finds an old race
 * would not find the next one either.
 */

const late = [1, 2, 3].map((n) => lateBranch(`wt_late_${n}`, 4));

const skipOverwrites: Scenario = {
  ...PLAIN_STACK,
  name: 'race-63266',
  describe: 'Branches that skip tasks which workers run: #63266',
  duration_s: 30,
  dags: late,
  operators: [{ operator: 'trigger', dags: ids(late), every_ms: 2_000, start_after_ms: 0 }],
  aims: [...ANY_LOAD, 'running-is-not-overwritten'],
};

const early = [1, 2, 3].map((n) => earlyBranch(`wt_early_${n}`));

const skippedIsScheduled: Scenario = {
  ...PLAIN_STACK,
  name: 'race-60330',
  describe: 'Branches that skip tasks which a scheduler is about to schedule: #60330',
  duration_s: 40,
  dags: early,
  operators: [{ operator: 'trigger', dags: ids(early), every_ms: 800, start_after_ms: 0 }],
  aims: [...ANY_LOAD, 'skips-take-effect'],
};

const storms = [1, 2, 3].map((n) => fanOut(`wt_storm_${n}`, 40, [4_000, 11_000]));

const deadlocks: Scenario = {
  ...PLAIN_STACK,
  name: 'race-66734',
  describe: 'Waves of completing tasks while their DAGs get new versions: #66734',
  duration_s: 40,
  dags: storms,
  churn: { dags: ids(storms), every_ms: 2_000 },
  operators: [{ operator: 'trigger', dags: ids(storms), every_ms: 8_000, start_after_ms: 3_000 }],
  aims: [...ANY_LOAD, 'no-deadlocks'],
};

const fields = [1, 2].map((n) => fanOut(`wt_fields_${n}`, 30, [2_000, 5_000]));

const doubledFields: Scenario = {
  ...PLAIN_STACK,
  name: 'race-63581',
  describe: 'Workers that write their rendered fields twice at once, as after a lost answer: #63581',
  duration_s: 30,
  dags: fields,
  fleet: { ...REAL_CLIENT, habits: { ...STEADY_HABITS, rtif_twice: 0.5 } },
  operators: [{ operator: 'trigger', dags: ids(fields), every_ms: 8_000, start_after_ms: 3_000 }],
  aims: [...ANY_LOAD, 'rtif-last-writer-wins'],
};

const groups = [1, 2].map((group) => [1, 2, 3, 4, 5].map((n) => backfillTarget(`wt_backfill_${group}_${n}`)));

const earlyCompletion: Scenario = {
  ...PLAIN_STACK,
  name: 'race-62561',
  describe: 'Backfills whose runs take long to create, while schedulers look for completed ones: #62561',
  // Schedulers look every 30 s, so that a shorter run may hold no look of one of them.
  duration_s: 45,
  dags: groups.flat(),
  operators: groups.map((dags, i) => ({
    operator: 'backfill' as const,
    dags: ids(dags),
    runs: 800,
    max_active_runs: 2,
    second_after_ms: null,
    start_after_ms: 500 + i * 1_500,
    pause_ms: 200,
  })),
  aims: [...ANY_LOAD, 'backfill-completes-after-its-runs'],
};

const lost = fanOut('wt_lost', 20, [500, 1_500]);

const lostWhileQueued: Scenario = {
  ...PLAIN_STACK,
  name: 'race-67238',
  describe: 'Workers that are lost before they start their task: #67238',
  duration_s: 30,
  dags: [{ ...lost, tasks: lost.tasks.map((task) => ({ ...task, retries: 3 })) }],
  fleet: { ...REAL_CLIENT, habits: { ...STEADY_HABITS, never_starts: 0.2 } },
  operators: [{ operator: 'trigger', dags: [lost.dag_id], every_ms: 6_000, start_after_ms: 1_000 }],
  aims: [...ANY_LOAD, 'history-is-complete'],
};

const brief = [1, 2, 3, 4].map((n): DagSpec => ({ ...backfillTarget(`wt_brief_${n}`), max_active_runs: 3 }));

const countedAtOnce: Scenario = {
  ...PLAIN_STACK,
  name: 'race-max-active-runs',
  describe:
    'More short DAG runs than max_active_runs lets run, and schedulers that start the next ones at the same moment',
  duration_s: 45,
  dags: brief,
  operators: [{ operator: 'trigger', dags: ids(brief), every_ms: 150, start_after_ms: 0 }],
  aims: [...ANY_LOAD, 'max-active-runs-is-kept'],
};

const slow: DagSpec = unscheduled(fanOut('wt_slow', 10, [6_000, 9_000]), 64);

const heardAgain: Scenario = {
  ...PLAIN_STACK,
  name: 'race-heard-again',
  describe:
    'Workers that stand still for as long as a scheduler waits for them, and are heard again as it gives them up',
  duration_s: 90,
  schedulers: 1,
  dags: [slow],
  fleet: { ...REAL_CLIENT, heartbeat_ms: 1_000, habits: STEADY_HABITS },
  operators: [{ operator: 'trigger', dags: [slow.dag_id], every_ms: 3_000, start_after_ms: 0 }],
  // Long enough for those that it stops to wake up one by one, in the 20 s that begin as a scheduler may give them up.
  chaos: { faults: ['zombies'], pause_ms: [0, 1_000], lasts_ms: [58_000, 62_000] },
  aims: [...ANY_LOAD, 'a-superseded-try-is-told'],
};

const chains = [1, 2].map(
  (n): DagSpec => ({
    dag_id: `wt_chain_${n}`,
    schedule: null,
    past_runs: 0,
    max_active_runs: 16,
    tasks: [
      { task_id: 'first', upstream: [], duration_ms: [200, 500] },
      ...[1, 2, 3].map((i) => ({ task_id: `after_${i}`, upstream: ['first'], duration_ms: [5_000, 8_000] as const })),
    ],
  }),
);

const upstreamMarked: Scenario = {
  ...PLAIN_STACK,
  name: 'race-upstream-marked',
  describe: 'Finished tasks that are marked as failed while workers run what comes after them',
  duration_s: 30,
  dags: chains,
  operators: [
    { operator: 'trigger', dags: ids(chains), every_ms: 1_500, start_after_ms: 0 },
    { operator: 'mark', dags: ids(chains), upstream: 'first', every_ms: 2_000, start_after_ms: 6_000 },
  ],
  aims: [...ANY_LOAD, 'running-is-not-overwritten'],
};

export const RACES: readonly Scenario[] = [
  skipOverwrites,
  skippedIsScheduled,
  deadlocks,
  doubledFields,
  earlyCompletion,
  lostWhileQueued,
  countedAtOnce,
  heardAgain,
  upstreamMarked,
  ...EXPLORED,
];
