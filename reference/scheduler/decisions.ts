import type { SchedulerBehaviour } from '../behaviour.ts';
import type { DagJson, TaskJson } from '../dags/serialized-dag.ts';
import { isFinished } from '../database/task-instance.ts';

type DecisionBehaviour = Pick<SchedulerBehaviour, 'isPremature' | 'mayEnd' | 'settlesUnfinished'>;

/** What the decision about a run needs to know of each of its task instances. */
export interface RunTask {
  readonly id: string;
  readonly task_id: string;
  readonly state: string | null;
  readonly end_date: Date | null;
  /** Seconds; what the worker asked for, instead of the task's own. */
  readonly retry_delay_override: number | null;
  /** Of the newest reschedule request. */
  readonly reschedule_date: Date | null;
}

export interface Decision {
  /** Ids of the instances that are due. */
  readonly ready: readonly string[];
  /** Instances that their upstreams have decided. */
  readonly settled: readonly { readonly id: string; readonly state: 'upstream_failed' | 'skipped' }[];
  readonly runState: 'running' | 'success' | 'failed';
}

/** What may settle a task instance: its trigger rule, or what a branch has decided. */
export type Settler = 'trigger rule' | 'branch';

const ANY_SETTLER: ReadonlySet<Settler> = new Set(['trigger rule', 'branch']);

/** The factory's `retry_delay`. */
const RETRY_DELAY_S = 1;

/** `SCHEDULEABLE_STATES`. */
const SCHEDULEABLE: ReadonlySet<string | null> = new Set([null, 'up_for_retry', 'up_for_reschedule']);

/**
 * `DagRun.update_state`: what to do next in a run. Looks at states as they were read: an instance that is settled here
 * settles its downstreams in the next loop, and a run ends in the loop after its last task instance did.
 *
 * `followed`: of each branch of the run that has decided, which tasks it follows.
 *
 * There is no `all_tasks_deadlocked`: none of the four rules leaves an instance open once its upstreams have finished.
 */
export function decide(
  dag: DagJson,
  tis: readonly RunTask[],
  now: number,
  seams: DecisionBehaviour = normalDecisions,
  followed: ReadonlyMap<string, readonly string[]> = new Map(),
): Decision {
  const tasks = new Map(dag.tasks.map((task) => [task.task_id, task]));
  // An instance of a task that is no longer in the DAG plays no part.
  const known = tis.filter(({ task_id }) => tasks.has(task_id));
  const states = new Map<string, (string | null)[]>();
  // A mapped task has an instance for each of its values, and all of them count.
  for (const { task_id, state } of known) states.set(task_id, [...(states.get(task_id) ?? []), state]);
  const ready: string[] = [];
  const settled: { id: string; state: 'upstream_failed' | 'skipped' }[] = [];
  const ask = (ti: RunTask, settlers = ANY_SETTLER) => {
    const task = tasks.get(ti.task_id);
    const answer = task ? answerOf(task, states, followed, settlers) : 'wait';
    if (answer === 'upstream_failed' || answer === 'skipped') settled.push({ id: ti.id, state: answer });
    return answer;
  };
  for (const ti of known) {
    if (SCHEDULEABLE.has(ti.state) && ask(ti) === 'met' && !seams.isPremature(ti, now)) ready.push(ti.id);
  }
  const unfinished = known.filter(({ state }) => !isFinished(state));
  if (ready.length + settled.length === 0) for (const ti of unfinished) ask(ti, seams.settlesUnfinished);
  return { ready, settled, runState: seams.mayEnd(unfinished.length) ? endOf(dag, known) : 'running' };
}

/** A run ends as its leaves did. */
function endOf(dag: DagJson, tis: readonly RunTask[]): 'success' | 'failed' {
  const inner = new Set(dag.tasks.flatMap(({ upstream }) => upstream));
  const leaves = tis.filter(({ task_id }) => !inner.has(task_id));
  return leaves.some(({ state }) => state === 'failed' || state === 'upstream_failed') ? 'failed' : 'success';
}

/** `NotInRetryPeriodDep` and `ReadyToRescheduleDep`. */
function isPremature(ti: RunTask, now: number): boolean {
  if (ti.state === 'up_for_retry') {
    const delay = ti.retry_delay_override ?? RETRY_DELAY_S;
    return (ti.end_date?.getTime() ?? 0) + delay * 1000 >= now;
  }
  if (ti.state === 'up_for_reschedule') return (ti.reschedule_date?.getTime() ?? 0) > now;
  return false;
}

export const normalDecisions: DecisionBehaviour = {
  isPremature,
  mayEnd: (unfinished) => unfinished === 0,
  settlesUnfinished: new Set(),
};

type Answer = 'met' | 'wait' | 'upstream_failed' | 'skipped';

function answerOf(
  task: TaskJson,
  states: ReadonlyMap<string, readonly (string | null)[]>,
  followed: ReadonlyMap<string, readonly string[]>,
  settlers: ReadonlySet<Settler>,
): Answer {
  // `NotPreviouslySkippedDep`: a task that is cleared after a branch has decided against it is skipped again.
  const isDeclined = task.upstream.some(
    (id) => states.get(id)?.every(isFinished) && followed.get(id)?.includes(task.task_id) === false,
  );
  if (isDeclined && settlers.has('branch')) return 'skipped';
  return settlers.has('trigger rule') ? triggerRule(task, states) : 'wait';
}

/** `TriggerRuleDep`, for tasks that are not set-up or tear-down; `states` of the instances of each task. */
export function triggerRule(task: TaskJson, states: ReadonlyMap<string, readonly (string | null)[]>): Answer {
  const upstreams = task.upstream.flatMap((id) => states.get(id) ?? [null]);
  const upstream = upstreams.length;
  if (upstream === 0) return 'met';
  const count = { success: 0, skipped: 0, failed: 0, upstream_failed: 0, removed: 0 };
  for (const state of upstreams) {
    if (state !== null && state in count) count[state as keyof typeof count] += 1;
  }
  const { success, skipped, failed, upstream_failed, removed } = count;
  const done = success + skipped + failed + upstream_failed + removed;
  const rule = task.trigger_rule ?? 'all_success';
  switch (rule) {
    case 'all_success':
      if (failed + upstream_failed > 0) return 'upstream_failed';
      if (skipped > 0) return 'skipped';
      return success + removed >= upstream ? 'met' : 'wait';
    case 'one_success':
      if (success > 0) return 'met';
      if (done < upstream) return 'wait';
      return done === skipped ? 'skipped' : 'upstream_failed';
    case 'none_failed_min_one_success':
      if (failed + upstream_failed > 0) return 'upstream_failed';
      if (skipped === upstream) return 'skipped';
      if (done < upstream) return 'wait';
      return success > 0 ? 'met' : 'upstream_failed';
    case 'all_done':
      return done >= upstream ? 'met' : 'wait';
    default:
      throw new Error(`unknown trigger rule ${rule satisfies never}`);
  }
}
