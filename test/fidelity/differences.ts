/**
 * Where a life is not like the real worker, and why it stays so. A difference that is not here is a failure of the
 * test; so is one that is here and not seen.
 */
export interface Difference {
  readonly reason: string;
  /** Names of cases. Absent: all. */
  readonly cases?: readonly string[];
  /** Absent: all. */
  readonly releases?: readonly string[];
  /** Lines of the real worker (see `linesOf`) that the life has otherwise; undefined: not at all. */
  readonly line: RegExp;
  readonly becomes?: string;
}

export const DIFFERENCES: readonly Difference[] = [
  {
    reason: 'the rendered fields are those of the operator: that of the DAG factory has one',
    line: /^PUT rtif (\d+) .*/,
    becomes: 'PUT rtif $1 {bash_command}',
  },
  {
    reason: 'the DAG factory expands over literal values, so that no life reads what a mapped task is expanded over',
    cases: ['mapped'],
    line: /^GET xcom return_value 200$/,
  },
];

/** Cases that no life plays: their operators have requests of their own. */
export const NOT_PLAYED: Readonly<Record<string, string>> = {
  'upstream of a mapped task': 'no DAG of the factory is expanded at run time',
  'downstream of a mapped task': 'no DAG of the factory is expanded at run time',
  'variables and connections': 'no life reads or writes them',
  'asks a person': 'no one would answer',
  dies: 'a task dies with its whole worker: silent_death',
  'dies, retries left': 'a task dies with its whole worker: silent_death',
};
