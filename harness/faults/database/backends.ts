import type { Rng } from '../../model/rng.ts';
import type { Host } from '../fault.ts';
import { drawProcess } from '../victims.ts';

/** `application_name` of a target's processes, without `wt-`: docs/target.md. */
const CLIENTS_OF_A_TARGET = ['scheduler-1', 'api-execution-1', 'api-core-1'];
/** How long a query of a fault may take, milliseconds: it may wait for locks that another fault holds. */
export const QUERY_MS = 20_000;

/** Draws a process that has connections to the database. */
export function drawClient({ ours, processes }: Host, rng: Rng): string {
  return drawProcess(ours ? processes : CLIENTS_OF_A_TARGET, rng);
}

/** SELECT: the backends that serve the process with application_name $1, with the state of their transactions. */
export const BACKENDS_OF = `
  SELECT a.pid, a.state, a.query,
    coalesce(extract(epoch FROM clock_timestamp() - a.xact_start) * 1000, 0)::float AS transaction_ms,
    -- It has a transaction id, so it has written or locked rows.
    EXISTS (
      SELECT FROM pg_locks
       WHERE pg_locks.pid = a.pid AND granted AND locktype = 'transactionid' AND mode = 'ExclusiveLock'
    ) AS writes
  FROM pg_stat_activity AS a
  WHERE a.datname = current_database() AND a.backend_type = 'client backend' AND a.application_name = $1`;
