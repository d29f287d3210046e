import type { RunMeasures } from '../model/verdict.ts';
import type { OpenRun } from './open-run.ts';
import { numberOrNull } from './summary.ts';

/** Not of the stack: the harness itself, the machine as a whole, and what the fleet says of itself. */
const NOT_THE_STACK = `source NOT IN ('harness', 'machine', 'fleet')`;

/**
 * What the stack did and what it cost, over the load. A process that was started again counts its CPU from 0 again, so
 * rises are added up. PostgreSQL's memory is left out: each backend's RSS holds the shared buffers once more.
 */
export async function readMeasures(run: OpenRun): Promise<RunMeasures> {
  const row = await run.row(`
    WITH loaded AS (
      SELECT * FROM samples, load WHERE at_ms BETWEEN load_started_ms AND load_ended_ms
    ), cpu AS (
      SELECT sum(greatest(rise, 0)) AS used FROM (
        SELECT value - lag(value) OVER (PARTITION BY source ORDER BY at_ms) AS rise
        FROM loaded WHERE metric = 'cpu_s' AND ${NOT_THE_STACK})
    ), resident AS (
      SELECT max(bytes) AS peak FROM (
        SELECT sum(highest) AS bytes FROM (
          SELECT source, time_bucket(INTERVAL 1 SECOND, make_timestamp((at_ms * 1000)::BIGINT)) AS second,
            max(value) AS highest
          FROM loaded WHERE metric = 'rss_bytes' AND ${NOT_THE_STACK} AND source <> 'postgres' GROUP BY ALL)
        GROUP BY second)
    ), finished AS (
      SELECT count(*) AS tasks FROM task_instance_changes, load
      WHERE is_end_state(state) AND NOT is_end_state(old_state)
        AND committed_ms BETWEEN load_started_ms AND load_ended_ms
    )
    SELECT tasks / nullif((load_ended_ms - load_started_ms) / 1000, 0) AS tasks_per_second,
      used / nullif(tasks, 0) AS cpu_s_per_task, peak AS memory_bytes,
      (SELECT avg(value) FROM loaded WHERE metric = 'lock_waits') AS lock_waits
    FROM cpu, resident, finished, load`);
  return {
    tasks_per_second: numberOrNull(row, 'tasks_per_second'),
    cpu_s_per_task: numberOrNull(row, 'cpu_s_per_task'),
    memory_bytes: numberOrNull(row, 'memory_bytes'),
    lock_waits: numberOrNull(row, 'lock_waits'),
  };
}
