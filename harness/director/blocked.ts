import type { StageDatabase } from './stage.ts';

/** A server process that waits for a lock. */
export interface LockWait {
  readonly pid: number;
  /** Of the stack, as it calls itself to PostgreSQL: `scheduler-1`. */
  readonly process: string;
  readonly blockedBy: readonly number[];
  /** In PostgreSQL's words: `ShareLock on transactionid`. */
  readonly lock: string;
  readonly statement: string;
}

const WAITS = `
  SELECT a.pid, a.application_name, a.query, pg_blocking_pids(a.pid) AS blocked_by,
         (SELECT l.mode || ' on ' || coalesce(l.relation::regclass::text, l.locktype)
            FROM pg_locks l WHERE l.pid = a.pid AND NOT l.granted LIMIT 1) AS lock
    FROM pg_stat_activity a
   WHERE a.wait_event_type = 'Lock' AND a.datname = current_database()`;

/** Who waits for whom at this moment, as PostgreSQL says it. */
export async function readLockWaits(database: StageDatabase): Promise<readonly LockWait[]> {
  const rows = await database.rows<{
    pid: number;
    application_name: string;
    query: string;
    blocked_by: number[];
    lock: string | null;
  }>(WAITS);
  return rows.map(({ pid, application_name, query, blocked_by, lock }) => ({
    pid,
    process: application_name.replace(/^wt-/, ''),
    blockedBy: blocked_by,
    lock: lock ?? 'a lock',
    statement: query,
  }));
}

/** Those that wait for one of these processes, also by way of others. */
export function waitingFor(pids: ReadonlySet<number>, waits: readonly LockWait[]): readonly LockWait[] {
  const reached = new Set(pids);
  const found = new Set<LockWait>();
  for (let grown = true; grown; ) {
    grown = false;
    for (const wait of waits) {
      if (found.has(wait) || !wait.blockedBy.some((pid) => reached.has(pid))) continue;
      found.add(wait);
      reached.add(wait.pid);
      grown = true;
    }
  }
  return [...found];
}
