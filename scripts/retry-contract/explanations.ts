/** What a run of the retry contract may find, and why; nothing else may be found. */
export interface Explanation {
  readonly name: string;
  readonly variant: RegExp;
  readonly why: string;
}

export const EXPLANATIONS: readonly Explanation[] = [
  {
    name: 'error-contract',
    variant: /^\w+ 50\d to a retryable error$/,
    why:
      'The answer to a deadlock, a serialization failure or a lock time-out does not ask to come back. #66734 asks ' +
      'for 503 with Retry-After.',
  },
  {
    name: 'processes-stay-alive',
    variant: /^scheduler$/,
    why:
      'A scheduler tries again where `run_with_db_retries` or `retry_db_transaction` stands: when it creates and ' +
      'examines DAG runs and when it adopts tasks, three times. An error elsewhere (the lock on the pools in ' +
      '`slots_stats`, a COMMIT of `_do_scheduling`, the start of the job), or the third in a row, ends the process: ' +
      'its deployment must start it again.',
  },
];
