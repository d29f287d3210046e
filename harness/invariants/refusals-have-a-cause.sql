-- claim: Every refusal has a cause: another actor's action, an earlier attempt of the same request, or the end of its
--   try.
-- title: A refusal has no cause in the record
-- source: the Execution API refuses what comes too late (404, 410) and what does not fit the task's state (409)
-- needs: commits, operations
-- exercised-by: refusals (404, 409, 410) with a subject that is in the record
-- min-exercised: 5
-- cut-off: a request without an answer does not count, nor one of which the record does not reach its answer
-- because: a build that refuses without a cause does so for a whole kind of request; impostors, clears and replays
--   give dozens of refusals that have one
-- sentence: The {kind} request of {worker} for {task} was refused with {status}[ («{said}»)], but {explanation}.

-- exercised
SELECT count(*) FROM refusal_classes WHERE status IN (404, 409, 410) AND class <> 'unclassified';

-- violations
-- tokens-keep-working judges 401 and 403, error-contract other 4xx and 5xx.
SELECT *, coalesce(ended_ms, sent_ms) AS at_ms, format('{} {}', kind, status) AS variant, at_ms - sent_ms AS severity,
  nullif(subject_of(dag_id, run_id, task_id, map_index), '') AS named, coalesce(named, kind) AS subject,
  coalesce(named, 'no task') AS task, shortened(nullif(coalesce(message, reason), ''), 120) AS said
FROM (SELECT op, explanation, class FROM refusal_classes) AS classed JOIN operations USING (op)
WHERE class = 'wrong' AND status IN (404, 409, 410);
