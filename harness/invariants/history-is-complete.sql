-- claim: Every try that was followed by another is kept once in task_instance_history, under the id and the try number
--   that it had.
-- title: A try is missing, duplicated or wrong in task_instance_history
-- known-issues: #67238
-- source: `TaskInstanceHistory.record_ti` archives a try before the row gets a new id; the UI and the API show tries
--   from there; issue #67238: a try that fails while it is queued is not archived
-- needs: commits, final_task_instance, final_task_instance_history
-- exercised-by: tries that were followed by another
-- min-exercised: 10
-- cut-off: it is read at the end, when a try that was followed by another is archived already
-- because: few code paths lead to a next try (retry, clear, adoption, state mismatch), and ten tries take several of
--   them
-- sentence: Try {try_number} of {subject} is not in task_instance_history, although {writer} began another
--   one.[{cleared:if} It began while a clear was under way.]
-- sentence[gap]: Try {try_number} of {subject} never existed: its try number was skipped.
-- sentence[doubled]: Try {try_number} of {subject} is kept {times} times in task_instance_history.
-- sentence[wrong try]: task_instance_history has a try {try_number} of {subject} under an id that {had}.

-- given
CREATE TEMP TABLE latest AS
SELECT dag_id, run_id, task_id, coalesce(map_index, -1) AS map_index, try_number, state FROM final_task_instance
-- What a run found that continues another had tries which are not in this record.
WHERE NOT (SELECT coalesce(continues, false) FROM manifest) OR (dag_id, run_id, task_id, coalesce(map_index, -1)) IN (
  SELECT (dag_id, run_id, task_id, coalesce(map_index, -1)) FROM task_instance_changes WHERE change = 'insert');

-- Try 0 is a task that was cleared before it ever ran: it had no try, and its rows do not matter.
CREATE TEMP TABLE archived AS
SELECT task_instance_id AS ti_id, dag_id, run_id, task_id, coalesce(map_index, -1) AS map_index, try_number
FROM final_task_instance_history WHERE try_number >= 1;

CREATE TEMP TABLE followed AS
SELECT dag_id, run_id, task_id, map_index, unnest(range(1, try_number)) AS try_number FROM latest;

-- The ids that a task instance had in each try. A clear of a running task gives its try a second id.
CREATE TEMP TABLE ids AS
SELECT dag_id, run_id, task_id, map_index, ti_id, try_number, min(seq) AS seq, min(committed_ms) AS since_ms
FROM (
  SELECT dag_id, run_id, task_id, coalesce(map_index, -1) AS map_index, ti_id, try_number, seq, committed_ms
  -- The first change with an id and a try is one of these.
  FROM task_instance_changes
  WHERE change <> 'delete' AND (ti_id IS DISTINCT FROM old_ti_id OR try_number IS DISTINCT FROM old_try_number)
  UNION ALL
  SELECT dag_id, run_id, task_id, coalesce(map_index, -1), old_ti_id, old_try_number, seq, committed_ms
  FROM task_instance_changes WHERE change <> 'delete' AND old_ti_id <> ti_id AND old_try_number IS NOT NULL
)
GROUP BY ALL;

-- exercised
SELECT count(*) FROM followed;

-- violations
WITH moves AS (
  -- The change that began the next try: it gave the row another id or, failing that, another try number.
  SELECT dag_id, run_id, task_id, coalesce(map_index, -1) AS map_index, old_try_number AS try_number,
    seq, committed_ms, writer, writer_role
  FROM task_instance_changes WHERE old_ti_id <> ti_id OR try_number > old_try_number
  QUALIFY row_number() OVER (
    PARTITION BY dag_id, run_id, task_id, map_index, old_try_number ORDER BY old_ti_id = ti_id, seq) = 1
), later AS (
  -- For a try without such a change: the first change to a later try, or the end.
  SELECT dag_id, run_id, task_id, coalesce(map_index, -1) AS map_index, try_number, min(committed_ms) AS committed_ms
  FROM task_instance_changes WHERE try_number IS DISTINCT FROM old_try_number GROUP BY ALL
), kept AS (
  SELECT dag_id, run_id, task_id, map_index, try_number, count(*) AS times FROM archived GROUP BY ALL
), seen AS (
  SELECT dag_id, run_id, task_id, map_index, try_number, count(*) AS ids FROM ids GROUP BY ALL
), missing AS (
  SELECT followed.*, seen.ids FROM followed
  ANTI JOIN kept USING (dag_id, run_id, task_id, map_index, try_number)
  LEFT JOIN seen USING (dag_id, run_id, task_id, map_index, try_number)
), never_started AS (
  -- #67238: the executor failed it before a worker had it.
  SELECT DISTINCT dag_id, run_id, task_id, coalesce(map_index, -1) AS map_index, try_number, true AS never_started
  FROM task_instance_changes
  WHERE old_state IN ('scheduled', 'queued') AND state IN ('failed', 'up_for_retry')
), ended_before AS (
  -- An executor event about a try that had ended by then: a try is only archived if it is still running.
  SELECT DISTINCT dag_id, run_id, task_id, coalesce(map_index, -1) AS map_index, try_number, true AS ended_before
  FROM task_instance_changes
  WHERE writer_role = 'scheduler' AND is_end_state(old_state) AND state IN ('failed', 'up_for_retry')
), begun_under_clear AS (
  -- The clear had read the task before this try began, and found the previous one, which was archived already.
  SELECT DISTINCT dag_id, run_id, task_id, map_index, try_number, true AS begun_under_clear
  FROM moves JOIN (
    SELECT dag_id, run_id, task_id, map_index, try_number, min(since_ms) AS since_ms FROM ids GROUP BY ALL
  ) AS begun USING (dag_id, run_id, task_id, map_index, try_number)
  JOIN operations USING (dag_id, run_id, task_id)
  WHERE writer_role = 'api-core' AND kind = 'clear' AND sent_ms <= since_ms
    AND may_have_committed(sent_ms, ended_ms, outcome, committed_ms)
), misplaced AS (
  SELECT archived.*, had.tries
  FROM archived JOIN latest USING (dag_id, run_id, task_id, map_index)
  LEFT JOIN (
    SELECT ti_id, list(try_number ORDER BY seq) AS tries FROM ids SEMI JOIN archived USING (ti_id) GROUP BY ti_id
  ) AS had USING (ti_id)
  WHERE NOT coalesce(list_contains(had.tries, archived.try_number), false) OR archived.try_number > latest.try_number
), wrong AS (
  SELECT missing.*, begun_under_clear AS cleared,
    CASE WHEN ids IS NULL THEN 'gap' WHEN never_started THEN 'lost while queued'
      WHEN begun_under_clear THEN 'lost to a clear' WHEN ended_before THEN 'lost after its end'
      ELSE 'lost' END AS variant
  FROM missing
  LEFT JOIN never_started USING (dag_id, run_id, task_id, map_index, try_number)
  LEFT JOIN begun_under_clear USING (dag_id, run_id, task_id, map_index, try_number)
  LEFT JOIN ended_before USING (dag_id, run_id, task_id, map_index, try_number)
  UNION ALL BY NAME
  SELECT *, 'doubled' AS variant, times AS severity FROM kept WHERE times > 1
  UNION ALL BY NAME
  SELECT * EXCLUDE (ti_id), 'wrong try' AS variant, CASE WHEN tries IS NULL THEN 'the task instance never had'
    ELSE format('it had in try {}', array_to_string(tries, ', ')) END AS had
  FROM misplaced
)
SELECT wrong.* REPLACE (coalesce(severity, 1) AS severity), writer, seq,
  coalesce(moves.committed_ms, CASE WHEN variant <> 'doubled' THEN (
    SELECT min(later.committed_ms) FROM later
    WHERE later.dag_id = wrong.dag_id AND later.run_id = wrong.run_id AND later.task_id = wrong.task_id
      AND later.map_index = wrong.map_index AND later.try_number > wrong.try_number) END, load_ended_ms) AS at_ms
FROM wrong LEFT JOIN moves USING (dag_id, run_id, task_id, map_index, try_number) CROSS JOIN load;
