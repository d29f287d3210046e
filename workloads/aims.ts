/** Invariants that any load exercises. A scenario adds those that it is made for. */
export const ANY_LOAD: readonly string[] = ['error-contract', 'processes-stay-alive'];

/** Invariants that are exercised by lives that are handed over, start and end all the time. */
export const STEADY_WORK: readonly string[] = [
  ...ANY_LOAD,
  'acknowledged-is-durable',
  'a-started-life-owns-its-task',
  'one-live-attempt',
  'hand-off-follows-queueing',
  'handed-off-can-start',
  'tokens-keep-working',
  'locks-are-brief',
  'work-goes-on',
];

/** Invariants that are exercised by lost responses, impostors, retries, and operators that clear and mark. */
export const TROUBLED_WORK: readonly string[] = [
  ...STEADY_WORK,
  'impostors-are-refused',
  'an-end-takes-effect-once',
  'a-superseded-try-is-refused',
  'history-is-complete',
  'tasks-change-as-allowed',
  'runs-change-as-allowed',
  'a-retry-is-a-retry',
  'a-start-takes-effect-once',
  'results-belong-to-their-try',
  'every-dag-progresses',
  'memory-is-bounded',
];
