import type { DagSpec, FleetSpec, Habits } from '../harness/model/scenario.ts';

/** What most workers do: write rendered fields once, push a result, end well. */
export const STEADY_HABITS: Habits = {
  rtif: 1,
  rtif_twice: 0,
  xcom: 0.2,
  lost_answer: 0,
  fails: 0.02,
  silent_death: 0,
  defers: 0,
  impostor: 0,
};

/** Airflow's own client: 5 s time-out, 5 tries, heartbeats after 5 to 10 s. */
export const REAL_CLIENT: Omit<FleetSpec, 'habits'> = {
  heartbeat_ms: 5_000,
  timeout_ms: 5_000,
  retries: 5,
  // Real workers have a connection each: none waits for another's.
  connections: 1_024,
};

/**
 * With heartbeats after 1.3 to 2.7 s, so that a minute shows what they meet: per minute, that is more often than in
 * production.
 */
export const QUICK_BEATS: Omit<FleetSpec, 'habits'> = { ...REAL_CLIENT, heartbeat_ms: 1_333 };

/** What most regression scenarios run on. */
export const PLAIN_STACK = {
  schedulers: 2,
  api_servers: 1,
  fleet: { ...QUICK_BEATS, habits: STEADY_HABITS },
} as const;

export function ids(dags: readonly DagSpec[]): string[] {
  return dags.map((dag) => dag.dag_id);
}

/** No runs of its own, only those that operators start, so many of them at once. */
export function unscheduled(dag: DagSpec, max_active_runs = dag.max_active_runs): DagSpec {
  return { ...dag, schedule: null, past_runs: 0, max_active_runs };
}

/** Timings of three operators that do the same, each some milliseconds after the one before. */
export function threeAtOnce(every_ms: number, start_after_ms: number, apart_ms: number) {
  return [0, 1, 2].map((n) => ({ every_ms, start_after_ms: start_after_ms + n * apart_ms }));
}

/** One root, then `width` tasks side by side: their ends come in a wave. */
export function fanOut(dag_id: string, width: number, duration_ms: readonly [number, number]): DagSpec {
  const leaves = Array.from({ length: width }, (_, i) => ({
    task_id: `leaf_${String(i + 1).padStart(2, '0')}`,
    upstream: ['root'],
    retries: 1,
    duration_ms,
  }));
  return {
    dag_id,
    schedule: '* * * * *',
    past_runs: 1,
    max_active_runs: 4,
    tasks: [{ task_id: 'root', upstream: [], duration_ms: [200, 600] }, ...leaves],
  };
}

/** A mapped task with instances that wait for each other: no more than `at_once` of a run's tasks may be under way. */
export function mappedOver(dag_id: string, values: number, at_once: number): DagSpec {
  const duration_ms = [1_500, 3_000] as const;
  return {
    dag_id,
    schedule: '* * * * *',
    past_runs: 1,
    max_active_runs: 3,
    max_active_tasks: at_once,
    tasks: [
      { task_id: 'list', upstream: [], duration_ms: [200, 600] },
      { task_id: 'each', upstream: ['list'], mapped: values, retries: 1, duration_ms },
      { task_id: 'sum', upstream: ['each'], trigger_rule: 'all_done', duration_ms: [200, 600] },
    ],
  };
}

/**
 * A branch that decides late. `early` lets the branch and its other side begin together, which `one_success` permits:
 * the skip then meets tasks that a worker is running. Together, because on a busy server ten seconds pass from the end
 * of a task to the start of the next one; those that wait for the same one start within a few of each other.
 */
export function lateBranch(dag_id: string, width: number): DagSpec {
  const others = Array.from({ length: width }, (_, i) => `other_${i + 1}`);
  return {
    dag_id,
    schedule: '* * * * *',
    past_runs: 1,
    max_active_runs: 6,
    tasks: [
      { task_id: 'early', upstream: [], duration_ms: [200, 500] },
      { task_id: 'branch', upstream: ['early'], duration_ms: [5_000, 8_000], skips: others },
      { task_id: 'chosen', upstream: ['branch'], duration_ms: [500, 1_500] },
      ...others.map((task_id) => ({
        task_id,
        upstream: ['early', 'branch'],
        trigger_rule: 'one_success' as const,
        duration_ms: [12_000, 16_000] as const,
      })),
      {
        task_id: 'join',
        upstream: ['chosen', ...others],
        trigger_rule: 'none_failed_min_one_success',
        duration_ms: [200, 500],
      },
    ],
  };
}

/**
 * A branch that decides against tasks in every state that a skip can meet before they run: `idle` were not examined
 * yet, `due` are about to be scheduled by another path at that very moment, `slow` wait for a worker in QUEUED.
 */
export function earlyBranch(dag_id: string): DagSpec {
  const numbers = [1, 2, 3, 4];
  const idle = ['idle_1', 'idle_2'];
  const slow = ['slow_1', 'slow_2'];
  const due = numbers.map((n) => `due_${n}`);
  const either = { trigger_rule: 'one_success', duration_ms: [1_000, 2_000] } as const;
  return {
    dag_id,
    schedule: null,
    past_runs: 0,
    max_active_runs: 16,
    tasks: [
      { task_id: 'early', upstream: [], duration_ms: [200, 500] },
      { task_id: 'branch', upstream: [], duration_ms: [3_000, 5_000], skips: [...idle, ...slow, ...due] },
      { task_id: 'chosen', upstream: ['branch'], duration_ms: [500, 1_500] },
      ...numbers.map((n) => ({ task_id: `pace_${n}`, upstream: [], duration_ms: [2_500, 5_000] as const })),
      ...idle.map((task_id) => ({ task_id, upstream: ['branch'], duration_ms: [500, 1_500] as const })),
      ...slow.map((task_id) => ({
        ...either,
        task_id,
        upstream: ['early', 'branch'],
        pickup_ms: [7_000, 9_000] as const,
      })),
      ...numbers.map((n) => ({ ...either, task_id: `due_${n}`, upstream: [`pace_${n}`, 'branch'] })),
    ],
  };
}

/**
 * Over in seconds, started by operators only, and never more than two at once: the others wait for their turn. A branch
 * skips one task that waits for it, and one that need not wait: where slots are scarce, the skip meets that one
 * scheduled, queued or running.
 */
export function shortRuns(dag_id: string, duration_ms: readonly [number, number]): DagSpec {
  const ordinary = { retries: 2, duration_ms };
  return {
    dag_id,
    schedule: null,
    past_runs: 0,
    max_active_runs: 2,
    tasks: [
      { task_id: 'first', upstream: [], ...ordinary },
      { task_id: 'choose', upstream: [], ...ordinary, skips: ['plain', 'eager'] },
      { task_id: 'side', upstream: ['first'], ...ordinary },
      { task_id: 'plain', upstream: ['choose'], ...ordinary },
      { task_id: 'eager', upstream: ['first', 'choose'], trigger_rule: 'one_success', ...ordinary },
      { task_id: 'last', upstream: ['side', 'plain', 'eager'], trigger_rule: 'all_done', ...ordinary },
    ],
  };
}

/** Something for `POST /backfills` to create runs of; nothing is scheduled. */
export function backfillTarget(dag_id: string): DagSpec {
  return {
    dag_id,
    schedule: null,
    past_runs: 0,
    max_active_runs: 2,
    tasks: [{ task_id: 'only', upstream: [], duration_ms: [500, 1_500] }],
  };
}
