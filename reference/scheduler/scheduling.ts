import type pg from 'pg';

import type { Behaviour } from '../behaviour.ts';
import type { DagBag } from './dag-bag.ts';
import type { HandOffExecutor } from './executor.ts';

/** What every step of a scheduler's loop works with. */
export interface Scheduling {
  readonly pool: pg.Pool;
  readonly behaviour: Behaviour;
  readonly jobId: number;
  readonly dags: DagBag;
  readonly executor: HandOffExecutor;
}

/** The columns of a `TaskInstanceRow`, for a query that names the table. */
export const TASK_INSTANCE = [
  'task_instance.id::text AS id',
  ...[
    'dag_id',
    'task_id',
    'run_id',
    'map_index',
    'state',
    'try_number',
    'max_tries',
    'hostname',
    'unixname',
    'pid',
    'start_date',
    'end_date',
    'queued_by_job_id',
    'next_method',
    'next_kwargs',
    'pool',
    'pool_slots',
  ].map((column) => `task_instance.${column}`),
  'task_instance.dag_version_id::text AS dag_version_id',
].join(', ');
