import { scenario as crowd } from '../../workloads/scenarios/crowd.ts';
import { type KnownRace, unreported } from './race.ts';

export const rankedQueue: KnownRace = {
  ...unreported('ranked-queue'),
  title:
    'A scheduler queued a task that a branch had just skipped: its statement locks the row but checks the state in a ' +
    'subquery, which PostgreSQL does not evaluate again after waiting for the lock',
  marks: [{ invariant: 'skips-take-effect', variants: ['skipped, then queued'] }],
  trial: { scenario: crowd, also: ['branches', 'seeds'], has: ['airflow@3.3.2'], has_not: null },
  // The reference stack selects tasks to queue without such a subquery.
  reference: null,
};
