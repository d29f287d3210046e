import type { WorkerCue } from '../worker/cued.ts';

/** A script of a race, as its sentences are read: what happens, in which order, and what must have happened before. */

/** What a statement does to a table, in words that no release has of its own. */
export const ACTS = ['read', 'count', 'lock', 'write', 'insert', 'delete'] as const;
export type Act = (typeof ACTS)[number];

/** Tables as scripts name them, by the names that they have in the run folder on every release. */
export const RELATIONS_BY_WORD = {
  task_instance: 'task_instance',
  'task history': 'task_instance_history',
  dag_run: 'dag_run',
  dag: 'dag',
  dag_version: 'dag_version',
  'serialized dag': 'serialized_dag',
  'rendered fields': 'rendered_task_instance_fields',
  xcom: 'xcom',
  backfill: 'backfill',
  'backfill runs': 'backfill_dag_run',
  pool: 'slot_pool',
  trigger: 'trigger',
  reschedule: 'task_reschedule',
} as const;
export type ScriptTable = keyof typeof RELATIONS_BY_WORD;
export const SCRIPT_TABLES = Object.keys(RELATIONS_BY_WORD) as ScriptTable[];

/** Who sends statements. `other scheduler`: one that is not the one that `scheduler` has come to stand for. */
export const SCRIPT_PROCESSES = [
  'scheduler',
  'other scheduler',
  'api-execution',
  'api-core',
  'dag-processor',
  'triggerer',
] as const;
export type ScriptProcess = (typeof SCRIPT_PROCESSES)[number];

export const TASK_STATES = [
  'none',
  'scheduled',
  'queued',
  'running',
  'deferred',
  'up_for_retry',
  'up_for_reschedule',
  'restarting',
  'success',
  'failed',
  'skipped',
  'upstream_failed',
  'removed',
] as const;
export const RUN_STATES = ['queued', 'running', 'success', 'failed'] as const;
export const MARKS = ['success', 'failed', 'skipped'] as const;

export interface Access {
  readonly act: Act;
  readonly table: ScriptTable;
  /** A column or a value that the statement names. */
  readonly detail: string | null;
  /** The how manieth of its transaction. */
  readonly nth: number;
  /** A task or a run of the script. */
  readonly of: string | null;
}

/** A moment in what a process sends: before the statement is sent, or when its answer is there. */
export interface Point {
  readonly at: 'before' | 'after';
  readonly what: Access | 'commit';
  /** What the same transaction has done before. */
  readonly having: Access | null;
}

/** A task instance of the script. */
export interface TaskName {
  readonly task: string;
  readonly run: string;
}

export interface Mark {
  readonly of: TaskName;
  readonly state: (typeof MARKS)[number];
}

export type StepAction =
  | { readonly do: 'trigger'; readonly run: string }
  | { readonly do: 'revise' }
  | { readonly do: 'backfill'; readonly runs: number }
  /** Of several, in one request. */
  | { readonly do: 'mark'; readonly marks: readonly Mark[] }
  | { readonly do: 'clear'; readonly tasks: readonly TaskName[] }
  /** Without a run: the DAG. */
  | { readonly do: 'delete'; readonly run: string | null }
  /** By the newest worker of the task, or by the first. */
  | { readonly do: 'work'; readonly of: TaskName; readonly by: 'newest' | 'first'; readonly cue: WorkerCue }
  | { readonly do: 'news'; readonly of: TaskName; readonly ended: 'success' | 'fail' }
  | { readonly do: 'hold' | 'cut'; readonly process: ScriptProcess; readonly point: Point; readonly name: string }
  | { readonly do: 'release'; readonly names: readonly string[] }
  | { readonly do: 'reached'; readonly name: string }
  | { readonly do: 'passes'; readonly process: ScriptProcess; readonly point: Point }
  | { readonly do: 'blocked'; readonly process: ScriptProcess; readonly by: string }
  | { readonly do: 'answered'; readonly who: 'operator' | 'workers' | TaskName }
  | { readonly do: 'state'; readonly of: TaskName | string; readonly state: string }
  /** Another worker has received the task, and has not started it. */
  | { readonly do: 'handed'; readonly of: TaskName };

export interface Step {
  /** As it stands in the file. */
  readonly text: string;
  readonly line: number;
  readonly action: StepAction;
  /** False for a cue that ends in `&`: its answer is not waited for. */
  readonly waits: boolean;
  readonly withinS: number;
  /** A build without what it waits for is no `not reached`: what is left of the script is asked for without holds. */
  readonly orHeld: boolean;
}

/** Steps by which something is made to happen; all others wait, or prepare to. */
export function isCue({ action }: Step): boolean {
  return ['trigger', 'revise', 'backfill', 'mark', 'clear', 'delete', 'work', 'news', 'release'].includes(action.do);
}
