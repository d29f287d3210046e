-- claim: A new try of a task begins without the results of the previous try, and the results that it pushes remain.
-- title: A try worked with the results of another try
-- source: `xcom_keys_to_clear` of `/run`: documentation says that XComs of a task are cleared when it runs again
-- needs: operations, lives
-- exercised-by: tries that began when an earlier one had left a result
-- min-exercised: 5
-- cut-off: a life that was stopped before it could ask for the clearing does not count
-- because: a server that does not name the old results to a new try does so each time
-- sentence[not cleared]: Worker {worker} began try {try_number} of {subject} and got no request to delete the result
--   {key} that an earlier try had left.
-- sentence[cleared while resumed]: Worker {worker} began try {try_number} of {subject} and got no request to delete the
--   result {key} that an earlier try had left: that try had been cleared while it ran, and this one was resumed in its
--   place.
-- sentence[of another try]: [{deleted:if}The result {key} of {subject} was deleted, and at the end it is
--   «{deleted}».][The result {key} of {subject} is «{found_text}» at the end, and the last one pushed was «{pushed}».]

-- given
-- The operations on a task's results, in order; a life sends one request at a time.
CREATE TEMP TABLE actions AS
SELECT operations.op, operations.kind, operations.life, operations.outcome, operations.ended_ms, operations.sent_ms,
  operations.dag_id, operations.run_id, operations.task_id, operations.map_index,
  coalesce(target, 'return_value') AS key, requested
FROM operations WHERE kind IN ('xcom_push', 'xcom_clear') AND outcome <> 'refused';

-- A life that begins a try. One that continues after a deferral keeps the results.
CREATE TEMP TABLE begun AS
-- Numbers alone are grouped: text of millions of lives does not fit into memory.
WITH tries AS (
  SELECT life, min(op) AS first_op, min(sent_ms) AS sent_ms, max(ended_ms) AS ended_ms, max(op) AS op
  FROM operations SEMI JOIN actions USING (dag_id, run_id, task_id, map_index)
  WHERE kind = 'run' AND actor = 'life'
  GROUP BY life HAVING bool_or(outcome = 'ok')
)
SELECT tries.* EXCLUDE (first_op), worker, dag_id, run_id, task_id, map_index, try_number, ti_id
FROM tries JOIN operations AS first ON first.op = tries.first_op
QUALIFY row_number() OVER (PARTITION BY ti_id ORDER BY tries.sent_ms) = 1;

CREATE TEMP TABLE met AS
SELECT begun.*, before.op AS push, before.life AS pusher, before.key
FROM begun ASOF JOIN (
  SELECT *, bool_or(outcome = 'unknown') OVER (PARTITION BY dag_id, run_id, task_id, map_index) AS in_doubt FROM actions
) AS before
  ON before.dag_id = begun.dag_id AND before.run_id = begun.run_id AND before.task_id = begun.task_id
  AND before.map_index = begun.map_index AND begun.sent_ms >= before.ended_ms
WHERE before.kind = 'xcom_push' AND before.life <> begun.life AND NOT before.in_doubt
  -- A run that is deleted takes its results with it; its date may get another run of the same name.
  AND NOT EXISTS (
    FROM operations AS gone WHERE gone.kind = 'delete' AND gone.outcome <> 'refused'
      AND gone.dag_id = begun.dag_id AND gone.run_id = begun.run_id
      AND gone.sent_ms <= begun.ended_ms AND coalesce(gone.ended_ms, 'infinity') >= before.sent_ms);

-- Of each whether it asked for the clearing, which it does before it writes anything: one that was ordered to stop may
-- not have come so far.
CREATE TEMP TABLE asked AS
SELECT met.*, clears.life IS NOT NULL AS cleared
FROM met CROSS JOIN load LEFT JOIN (SELECT DISTINCT life FROM actions WHERE kind = 'xcom_clear') AS clears USING (life)
WHERE cleared OR met.ended_ms <= load_ended_ms AND EXISTS (
  FROM operations AS later
  WHERE later.life = met.life AND later.kind IN ('rtif', 'xcom_push', 'skip_downstream', 'state')
    AND (later.kind <> 'state' OR later.requested = 'success'));

-- exercised
SELECT count(*) FROM asked;

-- violations
WITH kept AS (
  SELECT * EXCLUDE (cleared) FROM asked
  -- Results that belong to a try are not there for the next one.
  WHERE NOT cleared AND NOT row_a_try()
), restarted AS (
  -- Cleared while it ran, and begun again when its worker had ended: a start asks for no clearing if a trigger resumed
  -- the try before, and next_method was kept.
  SELECT DISTINCT kept.life, true AS is_restarted
  FROM kept JOIN task_instance_changes AS change USING (dag_id, run_id, task_id, map_index)
  WHERE change.old_state = 'restarting' AND change.state IS NULL AND writer_role = 'scheduler'
    AND change.try_number = kept.try_number - 1
), last_pushes AS (
  SELECT dag_id, run_id, task_id, map_index, key, kind, op, requested AS value, ended_ms
  FROM actions
  WINDOW result AS (PARTITION BY dag_id, run_id, task_id, map_index, key)
  -- By time: engines number their requests apart. Of two that were under way at once either may be the last.
  QUALIFY row_number() OVER (result ORDER BY sent_ms DESC) = 1
    AND coalesce(max(ended_ms) OVER (result ORDER BY sent_ms ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)
      <= sent_ms
    AND bool_and(outcome = 'ok' AND (requested IS NOT NULL OR kind = 'xcom_clear')) OVER result
), others AS (
  SELECT last_pushes.*, final_xcom.value AS found
  FROM last_pushes JOIN final_xcom USING (dag_id, run_id, task_id, key)
  WHERE coalesce(final_xcom.map_index, -1) = last_pushes.map_index
    -- JSON, in quotation marks or without, as the release has it.
    AND (kind = 'xcom_clear' OR trim(final_xcom.value, '"\') <> last_pushes.value)
)
SELECT * EXCLUDE (is_restarted), [push, op] AS operations,
  CASE WHEN is_restarted THEN 'cleared while resumed' ELSE 'not cleared' END AS variant
FROM kept LEFT JOIN restarted USING (life)
UNION ALL BY NAME
SELECT *, 'of another try' AS variant, shortened(found, 80) AS found_text,
  CASE kind WHEN 'xcom_clear' THEN found_text END AS deleted,
  CASE WHEN kind <> 'xcom_clear' THEN shortened(value, 80) END AS pushed
FROM others;
