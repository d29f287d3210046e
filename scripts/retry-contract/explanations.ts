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
];
