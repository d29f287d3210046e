import type { DagSpec, Plan, PlannedFault, Scenario } from '../../harness/model/scenario.ts';
import { backfillTarget, fanOut, ids, REAL_CLIENT, STEADY_HABITS, unscheduled } from '../../workloads/shapes.ts';

export const CONTRACT_BUILDS = ['airflow@3.2.2', 'airflow@3.3.2'] as const;

const FIRST_MS = 8_000;
const WINDOW_MS = 5_000;
const PAUSE_MS = 1_500;
/** After the last window: workers repeat a request for up to half a minute. */
const REST_MS = 35_000;

const API = 'api-execution-1';
const CORE = 'api-core-1';
const SCHEDULER = 'scheduler-1';

/** A backfill of a DAG is refused while the last one is open, and schedulers complete them every 30 s. */
const BACKFILL_WINDOW_MS = 35_000;

/**
 * Which statements of which process are answered with what, one window after the other. Those of the scheduler come
 * last: it does not survive each of them, and while it starts again there is no work.
 */
const WINDOWS: readonly (readonly [victim: string, sqlstate: string, statement: string | null, forMs?: number])[] = [
  [API, '40P01', 'start of a try'],
  [API, '40P01', 'heartbeat'],
  [API, '40P01', 'rendered fields'],
  [API, '40P01', 'XCom'],
  [API, '40P01', 'SELECT FOR UPDATE'],
  [API, '40P01', 'end of a try'],
  [API, '40001', 'end of a try'],
  [API, '55P03', 'SELECT FOR UPDATE'],
  [API, '40001', 'COMMIT'],
  [API, '57014', 'SELECT FOR UPDATE'],
  [CORE, '40P01', 'INSERT INTO dag_run'],
  [CORE, '40P01', 'INSERT INTO backfill', BACKFILL_WINDOW_MS],
  [CORE, '40P01', '/^\\s*UPDATE\\s+task_instance\\b/i'],
  [API, '53300', null],
  [CORE, '53300', null],
  [SCHEDULER, '40P01', 'SELECT FOR UPDATE'],
  [SCHEDULER, '40P01', 'UPDATE task_instance'],
  [SCHEDULER, '40P01', 'UPDATE dag_run'],
  [SCHEDULER, '40001', 'COMMIT'],
  [SCHEDULER, '53300', null],
];

let endMs = FIRST_MS;
const faults = WINDOWS.map(([victim, sqlstate, statement, for_ms = WINDOW_MS]): PlannedFault => {
  const at_ms = endMs;
  endMs += for_ms + PAUSE_MS;
  const what = { sqlstate, ...(statement === null ? {} : { statement }), most: 4 };
  return { fault: 'answer-sqlstate', victim, at_ms, for_ms, with: what };
});

const work = [1, 2].map((n) => unscheduled(fanOut(`wt_work_${n}`, 12, [1_500, 4_000])));
/** Its tasks wait for the branch: of those that run a scheduler would skip some (race not-followed), error or not. */
const branch: DagSpec = {
  dag_id: 'wt_branch',
  schedule: null,
  past_runs: 0,
  max_active_runs: 64,
  tasks: [
    { task_id: 'branch', upstream: [], duration_ms: [500, 1_500], skips: ['other_1', 'other_2'] },
    ...['chosen', 'other_1', 'other_2'].map((task_id) => ({
      task_id,
      upstream: ['branch'],
      duration_ms: [500, 1_500] as const,
    })),
  ],
};
const backfills = [1, 2, 3].map((n) => backfillTarget(`wt_backfill_${n}`));

/** Every kind of request, all the time, and little of each: what is answered 5xx, the windows did. */
const scenario: Scenario = {
  name: 'retry-contract',
  describe: 'Errors in the place of statements of every kind of request, one kind after the other',
  duration_s: Math.ceil((endMs + REST_MS) / 1_000),
  schedulers: 1,
  api_servers: 1,
  dags: [...work, branch, ...backfills],
  fleet: { ...REAL_CLIENT, heartbeat_ms: 667, habits: { ...STEADY_HABITS, rtif: 1, xcom: 1, fails: 0.3 } },
  operators: [
    { operator: 'trigger', dags: ids(work), every_ms: 1_500, start_after_ms: 0 },
    { operator: 'trigger', dags: [branch.dag_id], every_ms: 6_000, start_after_ms: 500 },
    { operator: 'clear', dags: ids(work), every_ms: 2_500, start_after_ms: 4_000 },
    { operator: 'mark', dags: ids(work), every_ms: 2_500, start_after_ms: 5_000 },
    {
      operator: 'backfill',
      dags: ids(backfills),
      runs: 3,
      max_active_runs: 2,
      second_after_ms: null,
      start_after_ms: 2_000,
      pause_ms: 1_000,
    },
  ],
  aims: [],
};

export function contractPlan(seed: number): Plan {
  return { seed, scenario, faults };
}
