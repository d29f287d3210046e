/**
 * What happens to a worker, the same for a real one and for a life. A rule of `answers` is for the requests of its
 * method and route, or of one that begins so: after `after` of them, `times` get its answer (all the others what a
 * healthy server says).
 */
export interface FidelityCase {
  readonly name: string;
  /** A task of real_dags.py. */
  readonly task: string;
  readonly map_index?: number;
  /** What the answer to `/run` says beside what it always says. */
  readonly context?: Readonly<Record<string, unknown>>;
  readonly answers?: readonly AnswerRule[];
}

export interface AnswerRule {
  readonly on: string;
  /** 0: the connection is closed without an answer. */
  readonly status: number;
  readonly detail?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly after?: number;
  readonly times?: number;
}

const RETRY = { should_retry: true, max_tries: 2 };
const BEAT = 'PUT heartbeat';
const STATE = 'PATCH state';
const NOT_RUNNING = { reason: 'not_running', message: 'x', current_state: 'failed' };
const GONE = { reason: 'not_found', message: 'x' };
const ENDED = { reason: 'invalid_state', message: 'x', previous_state: 'failed' };
const ELSEWHERE = { reason: 'invalid_state', message: 'x', previous_state: 'running' };

/** The run is made, and its answer is lost. */
const LOST_THEN_THERE = [
  { on: 'POST dag-runs', status: 0, times: 1 },
  { on: 'POST dag-runs', status: 409, detail: { reason: 'already_exists', message: 'x' } },
];

/** Those that last longest come first. */
export const CASES: readonly FidelityCase[] = [
  // Ordered to stop by a heartbeat, by kind of task.
  {
    name: 'beat 409, Python that works on',
    task: 'works_240',
    context: RETRY,
    answers: [{ on: BEAT, status: 409, detail: NOT_RUNNING, after: 1 }],
  },
  {
    name: 'beat 409, Python about to push',
    task: 'works_8_pushes',
    context: RETRY,
    answers: [{ on: BEAT, status: 409, detail: NOT_RUNNING, after: 1 }],
  },
  {
    name: 'beat 409, Python about to fail',
    task: 'works_8_fails',
    context: RETRY,
    answers: [{ on: BEAT, status: 409, detail: NOT_RUNNING, after: 1 }],
  },
  {
    name: 'beat 409, Bash',
    task: 'bash_240',
    context: RETRY,
    answers: [{ on: BEAT, status: 409, detail: NOT_RUNNING, after: 1 }],
  },
  {
    name: 'beat 409, Bash without retries',
    task: 'bash_240',
    answers: [{ on: BEAT, status: 409, detail: NOT_RUNNING, after: 1 }],
  },
  {
    name: 'beat 404, Bash',
    task: 'bash_240',
    context: RETRY,
    answers: [{ on: BEAT, status: 404, detail: GONE, after: 1 }],
  },
  {
    name: 'beat 410, Bash',
    task: 'bash_240',
    context: RETRY,
    answers: [{ on: BEAT, status: 410, detail: GONE, after: 1 }],
  },
  {
    name: 'first beat 409, Python that works on',
    task: 'works_240',
    answers: [{ on: BEAT, status: 409, detail: NOT_RUNNING }],
  },
  // Heartbeats that fail.
  { name: 'beats 500', task: 'works_240', answers: [{ on: BEAT, status: 500, after: 1 }] },
  {
    name: 'beats 500, retries left',
    task: 'works_240',
    context: RETRY,
    answers: [{ on: BEAT, status: 500, after: 1 }],
  },
  { name: 'beats 422', task: 'works_240', answers: [{ on: BEAT, status: 422, after: 1 }] },
  { name: 'beats 403, retries left', task: 'bash_240', context: RETRY, answers: [{ on: BEAT, status: 403, after: 1 }] },
  {
    name: 'two beats 500, then well',
    task: 'sleeps_12',
    answers: [{ on: BEAT, status: 500, after: 1, times: 2 }],
  },
  { name: 'beats for 12 s', task: 'sleeps_12' },
  // The start.
  { name: 'start without an answer', task: 'plain', answers: [{ on: 'PATCH run', status: 0 }] },
  { name: 'start 500 twice', task: 'plain', answers: [{ on: 'PATCH run', status: 500, times: 2 }] },
  { name: 'start 409 running', task: 'plain', answers: [{ on: 'PATCH run', status: 409, detail: ELSEWHERE }] },
  { name: 'start 409 failed', task: 'plain', answers: [{ on: 'PATCH run', status: 409, detail: ENDED }] },
  // Requests of the task.
  {
    name: 'fields 409',
    task: 'plain_retry',
    context: RETRY,
    answers: [{ on: 'PUT rtif', status: 409, detail: ENDED }],
  },
  { name: 'fields 410', task: 'plain_retry', context: RETRY, answers: [{ on: 'PUT rtif', status: 410, detail: GONE }] },
  { name: 'fields without an answer', task: 'plain_retry', context: RETRY, answers: [{ on: 'PUT rtif', status: 0 }] },
  {
    name: 'result refused',
    task: 'returns_retry',
    context: RETRY,
    answers: [{ on: 'POST xcom return_value', status: 409, detail: ENDED }],
  },
  {
    name: 'result 500 twice',
    task: 'returns',
    answers: [{ on: 'POST xcom return_value', status: 500, times: 2 }],
  },
  {
    name: 'skip refused',
    task: 'branch_retry',
    context: RETRY,
    answers: [{ on: 'PATCH skip-downstream', status: 404, detail: GONE }],
  },
  { name: 'skip 500', task: 'branch_retry', context: RETRY, answers: [{ on: 'PATCH skip-downstream', status: 500 }] },
  {
    name: 'trigger sent again, and refused',
    task: 'trigger',
    answers: LOST_THEN_THERE,
  },
  {
    name: 'trigger sent again, and refused, retries left',
    task: 'trigger_retry',
    context: RETRY,
    answers: LOST_THEN_THERE,
  },
  {
    name: 'trigger 404, retries left',
    task: 'trigger_retry',
    context: RETRY,
    answers: [{ on: 'POST dag-runs', status: 404, detail: GONE }],
  },
  { name: 'trigger 404', task: 'trigger', answers: [{ on: 'POST dag-runs', status: 404, detail: GONE }] },
  // The end.
  { name: 'success without an answer', task: 'plain', answers: [{ on: STATE, status: 0, times: 5 }] },
  { name: 'success 500 five times', task: 'plain', answers: [{ on: STATE, status: 500, times: 5 }] },
  { name: 'success 500 twice', task: 'plain', answers: [{ on: STATE, status: 500, times: 2 }] },
  {
    name: 'success 503, asked to wait',
    task: 'plain',
    answers: [{ on: STATE, status: 503, headers: { 'retry-after': '20' }, times: 1 }],
  },
  { name: 'success 409', task: 'plain', answers: [{ on: STATE, status: 409, detail: ENDED }] },
  {
    name: 'success 409, retries left',
    task: 'plain_retry',
    context: RETRY,
    answers: [{ on: STATE, status: 409, detail: ENDED }],
  },
  { name: 'failed 409', task: 'fails', answers: [{ on: STATE, status: 409, detail: ENDED }] },
  { name: 'failed 500 five times', task: 'fails', answers: [{ on: STATE, status: 500, times: 5 }] },
  {
    name: 'retry 409',
    task: 'fails_retry',
    context: RETRY,
    answers: [{ on: STATE, status: 409, detail: ENDED }],
  },
  {
    name: 'retry 500 five times',
    task: 'fails_retry',
    context: RETRY,
    answers: [{ on: STATE, status: 500, times: 5 }],
  },
  { name: 'deferral 409', task: 'deferrable', answers: [{ on: STATE, status: 409, detail: ENDED }] },
  { name: 'deferral 500 five times', task: 'deferrable', answers: [{ on: STATE, status: 500, times: 5 }] },
  { name: 'reschedule 409', task: 'sensor', answers: [{ on: STATE, status: 409, detail: ENDED }] },
  { name: 'dies', task: 'dies' },
  { name: 'dies, retries left', task: 'dies_retry', context: RETRY },
  // All goes well.
  { name: 'plain', task: 'plain' },
  { name: 'bash', task: 'bash' },
  { name: 'returns a value', task: 'returns' },
  { name: 'branch', task: 'branch' },
  { name: 'defers', task: 'deferrable' },
  {
    name: 'resumed',
    task: 'deferrable',
    context: { next_method: 'execute_complete', next_kwargs: { __type: 'dict', __var: { event: true } } },
  },
  { name: 'reschedules', task: 'sensor' },
  { name: 'reschedules again', task: 'sensor', context: { task_reschedule_count: 1 } },
  { name: 'fails', task: 'fails' },
  { name: 'fails, retries left', task: 'fails_retry', context: RETRY },
  { name: 'second try', task: 'plain', context: { xcom_keys_to_clear: ['return_value', 'k2'] } },
  { name: 'upstream of a mapped task', task: 'lists' },
  { name: 'mapped', task: 'each', map_index: 1 },
  { name: 'downstream of a mapped task', task: 'total' },
  { name: 'assets', task: 'outlets' },
  { name: 'variables and connections', task: 'reads' },
  { name: 'triggers a run', task: 'trigger' },
  { name: 'asks a person', task: 'hitl' },
];
