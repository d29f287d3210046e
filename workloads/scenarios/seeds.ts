import type { Scenario } from '../../harness/model/scenario.ts';
import { STEADY_WORK } from '../aims.ts';
import { backfillTarget, fanOut, lateBranch, REAL_CLIENT, STEADY_HABITS } from '../shapes.ts';

// As many as a server on two cores answers while they run: with more, requests time out and are sent again.
const storms = [1, 2, 3].map((n) => fanOut(`wt_storm_${n}`, 24, [4_000, 11_000]));
// Many narrow ones: on a busy server few of their skips meet a task that runs.
const branches = [1, 2, 3, 4].map((n) => lateBranch(`wt_branch_${n}`, 2));
const backfills = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => backfillTarget(`wt_backfill_${n}`));

/** The four races that windtunnel was built to find, at once: each has its own DAGs, so that none hides another. */
export const scenario: Scenario = {
  name: 'seeds',
  describe:
    'Four known races in one load: branch skips, completions under new DAG versions, duplicate RTIF writes, backfills',
  duration_s: 60,
  schedulers: 2,
  api_servers: 1,
  dags: [...storms, ...branches, ...backfills],
  churn: { dags: storms.map((dag) => dag.dag_id), every_ms: 2_000 },
  fleet: { ...REAL_CLIENT, habits: { ...STEADY_HABITS, rtif_twice: 0.3 } },
  operators: [
    { operator: 'trigger', dags: branches.map((dag) => dag.dag_id), every_ms: 6_000, start_after_ms: 0 },
    { operator: 'trigger', dags: storms.map((dag) => dag.dag_id), every_ms: 12_000, start_after_ms: 3_000 },
    {
      operator: 'backfill',
      dags: backfills.map((dag) => dag.dag_id),
      runs: 800,
      max_active_runs: 2,
      second_after_ms: 3_000,
      start_after_ms: 1_000,
      pause_ms: 200,
    },
  ],
  aims: [
    ...STEADY_WORK,
    'running-is-not-overwritten',
    'no-deadlocks',
    'rtif-last-writer-wins',
    'backfill-completes-after-its-runs',
    'every-dag-progresses',
    'memory-is-bounded',
  ],
};
