import { type KnownRace, unreported } from './race.ts';

export const deleteDeadlock: KnownRace = {
  ...unreported('delete-deadlock'),
  title: 'The deletion of a DAG run and a clear of one of its tasks deadlocked',
  marks: [{ invariant: 'no-deadlocks', variants: ['delete × clear'] }],
  trial: null,
  script_on: { has: 'airflow@3.3.2', has_not: null },
  reference: null,
};
