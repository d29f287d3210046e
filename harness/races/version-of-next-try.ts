import { type KnownRace, unreported } from './race.ts';

/**
 * A report that asks for another try comes between the scheduler's read and its write. In 3.1 the scheduler writes the
 * version of each task instance under the id that it had read, and the report gives the row a new one; from 3.4 on the
 * next try is a new row, which the statement that moves the run does not see.
 */
export const versionOfNextTry: KnownRace = {
  ...unreported('version-of-next-try'),
  title: 'A task that got its next try while a scheduler moved its run stayed on the old version of its DAG',
  marks: [{ invariant: 'tasks-follow-their-dag-version', variants: ['at its next try'] }],
  trial: null,
  script_on: { has: 'airflow@3.4.0b2', has_not: 'airflow@3.3.2' },
  reference: null,
};
