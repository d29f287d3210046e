-- claim: What is refused has a cause: another actor's deed, an earlier sending of the same request, or the end of its try.
-- source: the Execution API refuses what comes too late (404, 410) and what does not fit the task's state (409)
-- needs: commits, operations
-- chance: refusals (404, 409, 410) whose subject is in the record
-- chances wanted: 5
-- because: a build that refuses without a cause does so for a whole kind of request; impostors, clears and replays
--   give dozens of refusals that have one

-- chances
SELECT count(*) FROM refusal_classes WHERE status IN (404, 409, 410) AND class <> 'unclassified';

-- violations
-- 401 and 403 are tokens-keep-working's matter, other 4xx and 5xx error-contract's.
SELECT
  coalesce(ended_ms, sent_ms) AS at_ms,
  coalesce(nullif(subject_of(dag_id, run_id, task_id, map_index), ''), kind) AS subject,
  format('{} {}', kind, status) AS path,
  coalesce(ended_ms, sent_ms) - sent_ms AS weight,
  format('The {} request of {} for {} was refused with {}', kind, worker,
    coalesce(nullif(subject_of(dag_id, run_id, task_id, map_index), ''), 'no task'), status)
    || coalesce(' («' || shortened(nullif(coalesce(message, reason), ''), 120) || '»)', '')
    || format(', but {}.', because) AS sentence,
  [op] AS operations,
  []::BIGINT[] AS commits
FROM (SELECT op, because, class FROM refusal_classes) AS classed JOIN operations USING (op)
WHERE class = 'wrong' AND status IN (404, 409, 410);
