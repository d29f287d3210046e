-- claim: A trigger of a task that the server acknowledged has its run, under the name and with the configuration that
--   the task gave.
-- title: An acknowledged trigger has no run, or one with another configuration
-- source: documentation on TriggerDagRunOperator; 204 says that the run has been created
-- needs: commits, operations
-- exercised-by: acknowledged triggers of tasks
-- min-exercised: 20
-- cut-off: a trigger that was answered when the record of commits may have ended does not count
-- because: a server that loses one trigger in ten loses two of twenty
-- sentence[no run]: The trigger of {target} by worker {worker} was answered {status}, but the run was never committed.
-- sentence[other configuration]: The trigger of {target} by worker {worker} was answered {status}, but the run has the
--   configuration «{found}» and not «{wanted}».

-- given
CREATE TEMP TABLE acknowledged AS
SELECT triggers.*, made.seq, made.committed_ms, final.conf,
  -- Whether the column was copied, any run with a configuration says.
  final.run_id IS NOT NULL AS is_kept, (SELECT count(conf) > 0 FROM final_dag_run) AS has_confs,
  ended_ms <= (SELECT max(committed_ms) FROM commits) - stream_tail_ms() AS is_in_stream
FROM (
  SELECT *, regexp_extract(target, '^([^/]+)/(.*)$', ['child', 'name']) AS run
  FROM operations WHERE kind = 'trigger_run' AND outcome = 'ok' AND target IS NOT NULL
) AS triggers
LEFT JOIN (
  SELECT dag_id, run_id, min(seq) AS seq, min(committed_ms) AS committed_ms
  FROM dag_run_changes WHERE change <> 'delete' GROUP BY ALL
) AS made ON made.dag_id = run.child AND made.run_id = run.name
-- One that was deleted since is not there.
LEFT JOIN final_dag_run AS final ON final.dag_id = run.child AND final.run_id = run.name;

-- exercised
SELECT count(*) FROM acknowledged WHERE is_in_stream OR seq IS NOT NULL;

-- violations
SELECT op, ended_ms AS at_ms, worker, target, status, dag_id, run_id, task_id, map_index, [op] AS operations,
  list_filter([seq], seq -> seq IS NOT NULL) AS commits,
  coalesce(shortened(conf, 80), 'none') AS found, shortened(requested, 80) AS wanted,
  CASE WHEN seq IS NULL OR committed_ms > ended_ms + late_commit_ms() + clock_tolerance_ms() THEN 'no run'
    ELSE 'other configuration' END AS variant,
  CASE variant WHEN 'no run' THEN 2 ELSE 1 END AS severity
FROM acknowledged
WHERE CASE WHEN seq IS NULL THEN is_in_stream AND NOT is_kept
  ELSE committed_ms > ended_ms + late_commit_ms() + clock_tolerance_ms()
    OR is_kept AND has_confs AND json(conf) IS DISTINCT FROM json(requested) END;
