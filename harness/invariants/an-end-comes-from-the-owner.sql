-- claim: An end that is accepted comes from the worker that owns the task.
-- title: A worker ended a task that another worker was running
-- source: the Execution API's end report names no worker: it asks for RUNNING alone, where a heartbeat compares host
--   and pid; a worker that is ordered to stop may report for five seconds more, in 3.4 for a minute
-- needs: commits, operations
-- exercised-by: accepted ends of tasks with a known owner
-- min-exercised: 20
-- cut-off: each end is judged as it is committed
-- because: a server that looks at the owner does so for each end; only late reports of earlier owners exercise it, and
--   twenty ends show that the record names the owners
-- sentence: Worker {worker} reported {requested:state} for {subject} and the server accepted it, while worker {owner}
--   was running the task[, which it had started {after_ms:seconds} before].

-- given
CREATE TEMP TABLE owned_ends AS
WITH ends AS (
  SELECT operations.*, changes.seq, changes.committed_ms
  FROM operations JOIN carried_out USING (op) JOIN task_instance_changes AS changes ON changes.seq = carried_out.seq
  WHERE operations.kind = 'state' AND operations.outcome = 'ok' AND changes.old_state = 'running'
    AND changes.state IS DISTINCT FROM 'running'
    -- A report that is sent again, because its answer was lost, says what its sender did while it was the owner.
    AND operations.attempt = 1
), running AS (
  SELECT seq, ti_id, hostname FROM task_instance_changes SEMI JOIN ends USING (ti_id)
  WHERE state = 'running' AND hostname IS NOT NULL AND change <> 'delete'
)
-- The owner is the worker that the row names: the one that started it last.
SELECT ends.*, running.hostname AS owner
FROM ends ASOF JOIN running ON running.ti_id = ends.ti_id AND ends.seq > running.seq;

-- exercised
SELECT count(*) FROM owned_ends;

-- violations
WITH owners AS (
  SELECT worker AS owner, ti_id, min(life) AS life, max(sent_ms) AS started_ms FROM operations
  WHERE kind IN ('run', 'impostor_run') AND outcome = 'ok' GROUP BY ALL
), copies AS (
  -- A fault of ours gave one workload to both.
  SELECT life, duplicate_of AS other FROM lives WHERE duplicate_of IS NOT NULL
  UNION
  SELECT duplicate_of, life FROM lives WHERE duplicate_of IS NOT NULL
)
SELECT owned_ends.*, committed_ms AS at_ms, committed_ms - started_ms AS after_ms, coalesce(after_ms, 0) AS severity,
  requested AS variant, [owned_ends.op] AS operations, [seq] AS commits
FROM owned_ends JOIN owners USING (ti_id, owner)
WHERE owner <> worker
  AND NOT EXISTS (FROM copies WHERE copies.life = owned_ends.life AND copies.other = owners.life)
  -- Another scheduler may have taken the first worker's task for an orphan, and queued it again under its id.
  AND NOT EXISTS (
    FROM fault_windows WHERE victim NOT IN ('fleet', 'operators', 'executor')
      AND opened_ms <= owned_ends.committed_ms AND excused_ms >= owners.started_ms - adoption_ms());
