import { scenario as limits } from '../../workloads/scenarios/limits.ts';
import { type KnownRace, reported } from './race.ts';

export const deferredNotCounted: KnownRace = {
  ...reported(61700),
  title: 'More instances of a task were active than max_active_tis_per_dag allows: deferred ones were not counted',
  marks: [{ invariant: 'task-limits-are-kept', variants: ['deferred ones do not count'] }],
  trial: {
    scenario: { ...limits, name: 'race-61700', describe: 'Tasks with limits of their own that defer (#61700)' },
    also: ['limits'],
    has: ['airflow@3.1.8'],
    has_not: 'airflow@3.2.2',
  },
  reference: 'reference+deferred-not-counted',
};
