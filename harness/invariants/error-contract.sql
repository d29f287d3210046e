-- claim: Answers are 2xx, 401, 403, 404, 409, 410, 422, or 503 with Retry-After; every other 5xx breaks the contract.
-- title: A request was answered with an error that the API contract does not allow
-- known-issues: #66734
-- source: issue #66734 asks for a retryable answer to deadlocks; only the public API and triggers of tasks document 400
-- needs: operations
-- exercised-by: answered requests
-- min-exercised: 100
-- cut-off: a request without an answer does not count
-- because: a server that fails one request in fifty fails about two of a hundred
-- sentence: The {kind} request of {worker}{for_task} was answered {status}[ («{said}»)]{why}

-- given
-- A transaction that lost its connection, or never got one, cannot be carried out: 5xx is the right answer, and a
-- 4xx would not be. A fault that cut the connections of another process is no excuse.
CREATE TEMP VIEW cut_short AS
SELECT DISTINCT op FROM operations JOIN cut_windows
  ON status >= 500 AND sent_ms <= until_ms AND ended_ms >= opened_ms
WHERE process IS NULL
  OR role_of('wt-' || process) = CASE actor WHEN 'operator' THEN 'api-core' ELSE 'api-execution' END
UNION
-- So is what a fault answered in PostgreSQL's place, unless the same again may succeed.
SELECT op FROM answered_statements JOIN operations USING (op)
WHERE status >= 500 GROUP BY op HAVING NOT bool_or(is_retryable);

CREATE TEMP VIEW wrong_answers AS
SELECT * FROM operations ANTI JOIN cut_short USING (op)
WHERE status NOT BETWEEN 200 AND 299
  AND status NOT IN (401, 403, 404, 409, 410, 422)
  AND NOT (status = 503 AND coalesce(retry_after, false))
  AND NOT (status = 400 AND (actor = 'operator' OR kind = 'trigger_run'));

-- exercised
SELECT count(*) FROM operations WHERE status IS NOT NULL;

-- violations
WITH nearby AS (
  -- In steps of deadlock_answer_ms(), so that a join on the step finds the deadlocks of the same moment.
  SELECT *, floor(at_ms / deadlock_answer_ms())::BIGINT + unnest([-1, 0, 1]) AS step FROM deadlocks
), deadlocked AS (
  SELECT wrong_answers.op,
    arg_min(deadlocks.roles, (abs(deadlocks.at_ms - wrong_answers.ended_ms), deadlocks.roles)) AS roles,
    -- The deadlock involved a client that is no part of the stack: Airflow could not have avoided it.
    bool_or(len(list_filter(deadlocks.sides, side -> side.process = 'wt-bystander')) > 0) AS met_bystander
  FROM wrong_answers JOIN nearby AS deadlocks
    ON deadlocks.step = floor(wrong_answers.ended_ms / deadlock_answer_ms())::BIGINT
    AND abs(deadlocks.at_ms - wrong_answers.ended_ms) <= deadlock_answer_ms() AND (
      deadlocks.operation = wrong_answers.op
      OR len(list_filter(deadlocks.sides, side ->
        names_request(side, wrong_answers.kind, wrong_answers.ti_id, wrong_answers.task_id, wrong_answers.run_id))) > 0)
  WHERE wrong_answers.status >= 500
  GROUP BY ALL
), changed AS (
  -- Changes of its task by another process during the request.
  SELECT op, min(seq) AS seq, bool_or(change = 'delete') AS deleted
  FROM wrong_answers JOIN task_instance_changes AS changes USING (dag_id, run_id, task_id)
  WHERE status >= 500 AND coalesce(wrong_answers.map_index = changes.map_index, true)
    AND (change = 'delete' OR changes.old_ti_id <> changes.ti_id)
    AND committed_ms BETWEEN sent_ms - clock_tolerance_ms() AND ended_ms + clock_tolerance_ms()
  GROUP BY op
), answered AS (
  SELECT op, string_agg(DISTINCT sqlstate, ', ' ORDER BY sqlstate) AS sqlstates
  FROM answered_statements JOIN operations USING (op) WHERE status >= 500 AND is_retryable GROUP BY op
)
SELECT * EXCLUDE (sqlstates), coalesce(ended_ms, sent_ms) AS at_ms, at_ms - sent_ms AS severity,
  nullif(subject_of(dag_id, run_id, task_id, map_index), '') AS named, coalesce(named, kind) AS subject,
  coalesce(' for ' || named, '') AS for_task, shortened(nullif(message, ''), 120) AS said,
  format('{} {}', kind, status) || CASE
    WHEN sqlstates IS NOT NULL THEN ' to a retryable error'
    WHEN roles IS NOT NULL OR deleted IS NULL THEN ''
    WHEN deleted THEN ', task deleted during the request'
    ELSE ', new try during the request' END AS variant,
  CASE
    WHEN sqlstates IS NOT NULL THEN format(': a fault had answered its statement with {}, which calls for a 503 with '
      || 'Retry-After.', sqlstates)
    WHEN roles IS NOT NULL THEN format(': PostgreSQL reported a deadlock ({}){} at that moment.', roles,
      CASE WHEN named IS NULL THEN '' ELSE ' on that task' END)
    WHEN deleted THEN ': its task had been deleted by then, which calls for a 404.'
    WHEN NOT deleted THEN ': its task had been given another try by then, which calls for a 409.'
    WHEN status = 503 THEN ' without Retry-After: the client cannot know when to come back.'
    ELSE ', which the API contract does not allow.'
  END AS why
FROM wrong_answers LEFT JOIN deadlocked USING (op) LEFT JOIN changed USING (op) LEFT JOIN answered USING (op)
WHERE met_bystander IS DISTINCT FROM true;
