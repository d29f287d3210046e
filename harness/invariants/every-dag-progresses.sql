-- claim: No DAG waits while others are served: a task that is ready is scheduled in time.
-- title: A DAG waited while others were served
-- source: schedulers take the running runs in the order of their last scheduling decision, so that each gets its turn
-- needs: commits
-- exercised-by: tasks that became ready while runs of several DAGs were active
-- min-exercised: 50
-- cut-off: a task that was still waiting in time when the load ended does not count
-- because: a DAG that is passed over is passed over with each of its tasks
-- sentence: {subject} was ready and not scheduled for {severity:seconds}[{at_end:if}, when the load ended];
--   {others:count} task instances of other DAGs were scheduled in that time.

-- given
-- Ready: the task begins its run, which is RUNNING; or all that it waits for has succeeded; or its retry is due. Other
-- trigger rules are left out, because the scheduler decides when they are met.
CREATE TEMP TABLE served AS
WITH changes AS (
  SELECT seq, committed_ms, change, dag_id, run_id, task_id, map_index, old_seen, old_state, state,
    old_ti_id, writer_role
  FROM task_instance_changes WHERE change <> 'delete'
), tasks AS (
  SELECT dag_id, task.task_id AS task_id, task.upstream AS upstream,
    coalesce(task.trigger_rule, 'all_success') AS trigger_rule
  FROM (SELECT dag_id, unnest(tasks) AS task FROM plan_dags)
), mapped AS (
  SELECT dag_id, task.task_id AS task_id FROM (SELECT dag_id, unnest(tasks) AS task FROM plan_dags)
  WHERE task.mapped IS NOT NULL
), run_starts AS (
  SELECT dag_id, run_id, min(committed_ms) AS running_ms FROM dag_run_changes WHERE state = 'running' GROUP BY ALL
), looks AS (
  SELECT changes.dag_id, changes.run_id, changes.task_id, changes.map_index, min(running_ms) AS running_ms,
    min(committed_ms) AS made_ms, coalesce(min(committed_ms) FILTER (state IS NOT NULL), 'infinity') AS looked_ms
  FROM changes JOIN run_starts USING (dag_id, run_id)
  -- Its first change, and its first state.
  WHERE change = 'insert' OR NOT old_seen OR (old_state IS NULL AND state IS NOT NULL)
  GROUP BY ALL
), upstreams AS (
  SELECT looks.*, upstream.state, upstream.committed_ms
  FROM (
    SELECT looks.*, unnest(tasks.upstream) AS upstream_id, len(tasks.upstream) AS wanted
    FROM looks JOIN tasks USING (dag_id, task_id)
    WHERE tasks.trigger_rule = 'all_success'
      -- Of a mapped task all instances count; tasks downstream of one are left out, too.
      AND NOT EXISTS (
        FROM mapped WHERE mapped.dag_id = looks.dag_id AND list_contains(tasks.upstream, mapped.task_id))
  ) AS looks ASOF JOIN (
    -- Of all changes those that matter: the last one is a success if and only if the last of these is.
    FROM changes WHERE state = 'success' OR old_state = 'success' OR change = 'insert'
  ) AS upstream
    ON upstream.dag_id = looks.dag_id AND upstream.run_id = looks.run_id AND upstream.task_id = looks.upstream_id
    AND looks.looked_ms >= upstream.committed_ms
), moves AS (
  -- Of tasks that are tried again.
  SELECT *, lead(committed_ms) OVER (PARTITION BY dag_id, run_id, task_id, map_index ORDER BY seq) AS next_ms
  FROM changes SEMI JOIN (
    SELECT dag_id, run_id, task_id, map_index FROM changes WHERE state = 'up_for_retry'
  ) AS retried USING (dag_id, run_id, task_id, map_index)
  WHERE state IS DISTINCT FROM old_state
), retries AS (
  SELECT * FROM moves
  WHERE old_state = 'running' AND state = 'up_for_retry' AND coalesce(writer_role = 'api-execution', true)
), skewed AS (
  -- Retries are due by the end date that the worker sent, and a fault gave some workers clocks that are minutes fast.
  SELECT retries.seq
  FROM retries JOIN lives ON lives.ti_id = retries.old_ti_id
  ASOF JOIN (
    SELECT opened_ms, max(until_ms) OVER (ORDER BY opened_ms) AS until_ms FROM fault_windows WHERE skews_clocks
  ) AS windows ON retries.committed_ms >= windows.opened_ms
  WHERE lives.started_ms <= windows.until_ms
)
SELECT 'new run' AS variant, dag_id, run_id, task_id, map_index, greatest(running_ms, made_ms) AS ready_ms, looked_ms
FROM looks JOIN tasks USING (dag_id, task_id) WHERE len(tasks.upstream) = 0
UNION ALL
SELECT 'next task', dag_id, run_id, task_id, map_index, greatest(any_value(running_ms), max(committed_ms)), looked_ms
FROM upstreams GROUP BY dag_id, run_id, task_id, map_index, looked_ms, wanted
HAVING count(*) = wanted AND bool_and(state = 'success')
UNION ALL
SELECT 'retry', dag_id, run_id, task_id, map_index, committed_ms + retry_delay_ms(), coalesce(next_ms, 'infinity')
FROM retries ANTI JOIN skewed USING (seq);

-- exercised
SELECT CASE WHEN count(DISTINCT dag_id) >= 2 THEN count(*) ELSE 0 END
FROM served, load WHERE ready_ms < load_ended_ms AND least(looked_ms, ready_ms + turn_ms()) <= load_ended_ms;

-- violations
WITH waits AS (
  SELECT variant, dag_id, run_id, task_id, map_index, ready_ms, looked_ms, least(looked_ms, load_ended_ms) AS until_ms
  FROM served, load
  WHERE least(looked_ms, load_ended_ms) - ready_ms > turn_ms()
    AND NOT excused_delay(ready_ms, least(looked_ms, load_ended_ms))
), undisturbed AS (
  SELECT * FROM waits
  ANTI JOIN (
    SELECT waits.dag_id, waits.run_id, waits.ready_ms
    FROM waits JOIN dag_run_changes AS run USING (dag_id, run_id)
    WHERE run.state IS DISTINCT FROM 'running' AND run.committed_ms BETWEEN ready_ms AND until_ms
    UNION
    SELECT waits.dag_id, waits.run_id, waits.ready_ms
    FROM waits JOIN operator_actions AS action USING (dag_id, run_id)
    WHERE action.sent_ms <= until_ms AND (action.outcome = 'unknown' OR action.ended_ms IS NULL
        OR action.ended_ms >= ready_ms)
    UNION
    -- A paused DAG waits on purpose.
    SELECT waits.dag_id, waits.run_id, waits.ready_ms
    FROM waits JOIN pauses USING (dag_id)
    WHERE pauses.from_ms <= waits.until_ms AND pauses.until_ms >= ready_ms
  ) AS disturbed USING (dag_id, run_id, ready_ms)
), waiting AS (
  -- One for each run: all tasks that wait in it wait for the same scheduler.
  SELECT * FROM undisturbed
  QUALIFY row_number() OVER (PARTITION BY dag_id, run_id ORDER BY until_ms - ready_ms DESC, task_id) = 1
), scheduled AS (
  -- How many had been scheduled up to a moment, in all and of one DAG: to count between two moments is to subtract.
  SELECT dag_id, committed_ms, count(*) OVER (ORDER BY committed_ms) AS of_all,
    count(*) OVER (PARTITION BY dag_id ORDER BY committed_ms) AS of_dag
  FROM task_instance_changes WHERE state = 'scheduled' AND old_state IS DISTINCT FROM 'scheduled'
    -- None where nothing waited, and nothing before or after: what is counted is sorted.
    AND committed_ms BETWEEN (SELECT min(ready_ms) FROM waiting) AND (SELECT max(until_ms) FROM waiting)
), passed_over AS (
  SELECT waiting.*,
    coalesce(all_then.of_all, 0) - coalesce(all_before.of_all, 0)
      - coalesce(own_then.of_dag, 0) + coalesce(own_before.of_dag, 0) AS others
  FROM waiting
  ASOF LEFT JOIN scheduled AS all_then ON waiting.until_ms >= all_then.committed_ms
  ASOF LEFT JOIN scheduled AS all_before ON waiting.ready_ms > all_before.committed_ms
  ASOF LEFT JOIN scheduled AS own_then
    ON own_then.dag_id = waiting.dag_id AND waiting.until_ms >= own_then.committed_ms
  ASOF LEFT JOIN scheduled AS own_before
    ON own_before.dag_id = waiting.dag_id AND waiting.ready_ms > own_before.committed_ms
)
SELECT *, ready_ms + turn_ms() AS at_ms, until_ms - ready_ms AS severity,
  CASE WHEN looked_ms > until_ms THEN true END AS at_end
FROM passed_over WHERE others >= 20;
