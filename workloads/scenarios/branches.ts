import type { Scenario } from '../../harness/model/scenario.ts';
import { ANY_LOAD } from '../aims.ts';
import { earlyBranch, lateBranch, QUICK_BEATS, STEADY_HABITS } from '../shapes.ts';

const late = [1, 2].map((n) => lateBranch(`wt_late_${n}`, 4));
const early = [1, 2].map((n) => earlyBranch(`wt_early_${n}`));

/** The setting of #63266, and its opposite: skips that must no longer take effect, and skips that must. */
export const scenario: Scenario = {
  name: 'branches',
  describe: 'Branch skips of tasks in every state: not scheduled yet, about to be scheduled, queued, running',
  duration_s: 60,
  schedulers: 2,
  api_servers: 1,
  dags: [...late, ...early],
  fleet: { ...QUICK_BEATS, habits: STEADY_HABITS },
  operators: [
    { operator: 'trigger', dags: late.map((dag) => dag.dag_id), every_ms: 4_000, start_after_ms: 0 },
    { operator: 'trigger', dags: early.map((dag) => dag.dag_id), every_ms: 1_500, start_after_ms: 0 },
  ],
  aims: [...ANY_LOAD, 'running-is-not-overwritten', 'acknowledged-is-durable', 'a-started-life-owns-its-task'],
};
