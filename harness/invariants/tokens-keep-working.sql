-- claim: The server never refuses the newest token that it has given to a worker, before that ends.
-- title: A worker’s newest token was refused
-- source: the Execution API renews a token before it ends, in `Refreshed-API-Token`; since 3.3 also at `/run`, where
--   the queue's token is exchanged for one that opens the other routes. That of the queue ends with the time-out for
--   queued tasks (`valid_for`, [scheduler] task_queued_timeout)
-- needs: operations, lives
-- exercised-by: requests of workers after their start
-- min-exercised: 100
-- cut-off: a request without an answer does not count
-- because: each request carries the newest token, and one that was renewed wrongly fails from then on
-- with-clocks: a token ends by the server's clock: where that is set forward, or the machine sleeps, it ends early
-- sentence: The {kind} request of worker {worker} for {task} was answered {status}[ («{said}»)] with the {token}.

-- exercised
SELECT count(*) FROM operations
WHERE actor = 'life' AND kind NOT LIKE 'impostor%' AND kind <> 'run' AND status IS NOT NULL;

-- violations
WITH starts AS (
  SELECT life, min(ended_ms) AS started_ms FROM operations WHERE kind = 'run' AND outcome = 'ok' GROUP BY life
)
SELECT *, ended_ms AS at_ms, format('{} {}', kind, status) AS variant, coalesce(ended_ms - started_ms, 0) AS severity,
  nullif(subject_of(dag_id, run_id, task_id, map_index), '') AS named, coalesce(named, kind) AS subject,
  coalesce(named, 'no task') AS task, shortened(nullif(coalesce(message, reason), ''), 120) AS said,
  CASE WHEN started_ms IS NULL THEN 'token that came with the task'
    ELSE format('newest token it was given, {} after its start', seconds(ended_ms - started_ms)) END AS token
FROM operations LEFT JOIN starts USING (life)
WHERE actor = 'life' AND kind NOT LIKE 'impostor%' AND status IN (401, 403)
  AND NOT (kind = 'run' AND EXISTS (
    FROM lives CROSS JOIN plan
    WHERE lives.life = operations.life AND operations.ended_ms - handed_ms >= queued_timeout_ms));
