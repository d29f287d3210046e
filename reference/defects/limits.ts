import type { Defect } from './defect.ts';

const KEPT_BYTES = 256 * 1024;
const kept: Buffer[] = [];

/** Limits that are exceeded. */
export const LIMIT_DEFECTS: readonly Defect[] = [
  {
    name: 'max-active-runs-exceeded',
    summary: 'one run more than max_active_runs is started',
    story:
      'The comparison is <= where it should be <, or two schedulers count at once and each starts one. A DAG that ' +
      'says max_active_runs=1, because its runs must not overlap, overlaps.',
    caughtBy: ['max-active-runs-is-kept'],
    scenario: 'crowd',
    change: (below) => ({ startableRuns: (limit) => below.startableRuns(limit) + 1 }),
  },

  {
    name: 'max-active-tasks-ignored',
    summary: 'tasks of a run are queued beyond max_active_tasks',
    story:
      'The limit is compared when candidates are chosen, and not again for each of them. A DAG that may ask its ' +
      'database for four things at once asks for eight.',
    caughtBy: ['max-active-tasks-is-kept'],
    scenario: 'mishaps',
    change: () => ({ hasRoom: () => true }),
  },

  {
    name: 'deferred-not-counted',
    summary: 'instances of a task that wait for their trigger do not count for its max_active_tis_per_dag',
    story:
      'A licence is held while a job runs elsewhere, which is what the task has deferred for. The scheduler counts ' +
      'queued and running instances alone, and starts the next ones. Airflow up to 3.2.1 (#61700).',
    caughtBy: ['task-limits-are-kept'],
    scenario: 'limits',
    change: () => ({ activeStates: new Set(['queued', 'running']) }),
  },

  {
    name: 'task-limit-exceeded',
    summary: 'one instance of a task more than its limit is queued',
    story:
      'The comparison is <= where it should be <. A task that says max_active_tis_per_dag=1, because it holds a ' +
      'lock, meets itself.',
    caughtBy: ['task-limits-are-kept'],
    scenario: 'limits',
    change: () => ({ taskHasRoom: ({ max, active }) => active <= max }),
  },

  {
    name: 'pool-oversubscribed',
    summary: 'every loop gives out all slots of a pool, also those that are taken',
    story:
      'A pool protects something that cannot bear more: a licence, a small database. Here the scheduler subtracts ' +
      'what it has queued itself in this loop and forgets what runs already.',
    caughtBy: ['pool-slots-are-kept'],
    scenario: 'crowd',
    change: () => ({ freeSlots: ({ slots }) => slots }),
  },

  {
    name: 'api-leaks-memory',
    summary: 'the API server keeps some memory of every request',
    story:
      'A cache without a bound, keyed by something that never comes again. Nothing is wrong for hours; then the ' +
      'server is killed for its memory, always on the busiest day. Here it keeps 256 KiB a request, so that half a ' +
      'minute shows it.',
    caughtBy: ['memory-is-bounded'],
    scenario: 'crowd',
    durationS: 45,
    change: () => ({
      onRequest: () => {
        // Filled, because pages that were never written to do not count as resident.
        kept.push(Buffer.alloc(KEPT_BYTES, 1));
      },
    }),
  },
];
