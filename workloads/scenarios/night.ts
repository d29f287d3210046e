import type { Scenario } from '../../harness/model/scenario.ts';
import { STEADY_WORK } from '../aims.ts';
import { backfillTarget, fanOut, lateBranch, REAL_CLIENT, STEADY_HABITS } from '../shapes.ts';

const storm = fanOut('wt_storm', 12, [4_000, 11_000]);
const branches = [1, 2, 3].map((n) => lateBranch(`wt_branch_${n}`, 2));
const backfills = [1, 2].map((n) => backfillTarget(`wt_backfill_${n}`));

/** The races of `seeds` at a rate that leaves room beside it: what is rare comes in hours, and several play at once. */
export const scenario: Scenario = {
  name: 'night',
  describe: 'What seeds does, at a tenth of its rate: for hours on a machine that does other things beside it',
  duration_s: 600,
  schedulers: 2,
  api_servers: 1,
  dags: [storm, ...branches, ...backfills],
  churn: { dags: [storm.dag_id], every_ms: 20_000 },
  fleet: { ...REAL_CLIENT, habits: { ...STEADY_HABITS, rtif_twice: 0.3 } },
  operators: [
    {
      operator: 'backfill',
      dags: backfills.map((dag) => dag.dag_id),
      runs: 100,
      max_active_runs: 2,
      second_after_ms: 1_000,
      start_after_ms: 5_000,
      pause_ms: 30_000,
    },
  ],
  aims: [...STEADY_WORK, 'running-is-not-overwritten', 'no-deadlocks', 'rtif-last-writer-wins', 'memory-is-bounded'],
};
