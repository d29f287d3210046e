import type { DagSpec, TaskSpec } from '../../harness/model/scenario.ts';

/** DAGs to talk about. Root tasks are queued as soon as their run starts; the others wait forever. */
export type Shape = keyof typeof TASKS;

type Task = Pick<TaskSpec, 'task_id'> & Partial<TaskSpec>;

/** Sequences of the fuzzer share a run: so many have their two task instances in it. */
const UNITS_PER_RUN = 25;

const TASKS = {
  single: [{ task_id: 'task' }],
  retry: [{ task_id: 'task', retries: 2 }],
  pair: [{ task_id: 'task' }, { task_id: 'other' }, { task_id: 'later', upstream: ['task'] }],
  /** A branch, and what it may skip: in each state that a worker can bring a task to, and one that was never queued. */
  branch: [
    { task_id: 'branch', skips: ['later', 'join'] },
    { task_id: 'queued' },
    { task_id: 'running' },
    { task_id: 'ended' },
    { task_id: 'retrying', retries: 1 },
    { task_id: 'later', upstream: ['branch'] },
    { task_id: 'join', upstream: ['branch', 'running'], trigger_rule: 'one_success' },
  ],
  /** For what is repeated: a task instance a round. */
  many: Array.from({ length: 8 }, (_, i): Task => ({ task_id: `t${i + 1}`, retries: 1 })),
  /** For backfills and pausing: a DAG of its own for each dialogue, and no run. */
  past: [{ task_id: 'task' }],
  fuzz: Array.from({ length: UNITS_PER_RUN }, (_, i): Task[] => [
    { task_id: `u${i}_self`, retries: 1 },
    { task_id: `u${i}_other` },
  ]).flat(),
} as const satisfies Record<string, readonly Task[]>;

/** Airflow deletes the rendered fields of all but a DAG's last 30 runs while it writes new ones. */
const RUNS_PER_DAG = 25;

export interface PlannedPlace {
  readonly shape: Shape;
  readonly dagId: string;
  /** Undefined: nothing is triggered. */
  readonly runId: string | undefined;
  /** Plain task name → task id, of the tasks that will be queued. */
  readonly roots: ReadonlyMap<string, string>;
}

export interface StagePlan {
  readonly dags: readonly DagSpec[];
  readonly places: readonly PlannedPlace[];
}

/** A place for each dialogue (`shapes`, in order) and for `sequences` of the fuzzer. */
export function planStage(shapes: readonly Shape[], sequences: number): StagePlan {
  const taken = new Map<Shape, number>();
  const dags = new Map<string, DagSpec>();
  const places = shapes.map((shape): PlannedPlace => {
    const number = taken.get(shape) ?? 0;
    taken.set(shape, number + 1);
    const copy = shape === 'past' ? number : Math.floor(number / RUNS_PER_DAG);
    const dagId = `wt_${shape}_${copy + 1}`;
    if (!dags.has(dagId)) dags.set(dagId, dagOf(dagId, TASKS[shape]));
    const runId = shape === 'past' ? undefined : `talk_${shape}_${number + 1}`;
    return { shape, dagId, runId, roots: rootsOf(TASKS[shape]) };
  });
  if (sequences > 0) dags.set('wt_fuzz', dagOf('wt_fuzz', TASKS.fuzz));
  for (let i = 0; i < sequences; i++) {
    const unit = i % UNITS_PER_RUN;
    const runId = `talk_fuzz_${Math.floor(i / UNITS_PER_RUN) + 1}`;
    const roots = new Map(['self', 'other'].map((name) => [name, `u${unit}_${name}`]));
    places.push({ shape: 'fuzz', dagId: 'wt_fuzz', runId, roots });
  }
  return { dags: [...dags.values()], places };
}

function rootsOf(tasks: readonly Task[]): ReadonlyMap<string, string> {
  return new Map(tasks.filter(({ upstream }) => upstream === undefined).map(({ task_id }) => [task_id, task_id]));
}

function dagOf(dagId: string, tasks: readonly Task[]): DagSpec {
  return {
    dag_id: dagId,
    schedule: null,
    past_runs: 0,
    max_active_runs: 100,
    tasks: tasks.map((task): TaskSpec => ({ upstream: [], duration_ms: [0, 0], ...task })),
  };
}
