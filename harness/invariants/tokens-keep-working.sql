-- claim: The server never refuses the newest token that it has given to a worker.
-- title: A worker’s newest token was refused
-- source: the Execution API renews a token before it ends, in `Refreshed-API-Token`; since 3.3 also at `/run`, where
--   the queue's token is exchanged for one that opens the other routes
-- needs: operations
-- exercised-by: requests of workers after their start
-- min-exercised: 100
-- because: each carries the newest token, and one that was renewed wrongly fails from then on

-- exercised
SELECT count(*) FROM operations
WHERE actor = 'life' AND kind NOT LIKE 'impostor%' AND kind <> 'run' AND status IS NOT NULL;

-- violations
WITH starts AS (
  SELECT life, min(ended_ms) AS started_ms FROM operations WHERE kind = 'run' AND outcome = 'ok' GROUP BY life
)
SELECT
  ended_ms AS at_ms,
  coalesce(nullif(subject_of(dag_id, run_id, task_id, map_index), ''), kind) AS subject,
  format('{} {}', kind, status) AS variant,
  coalesce(ended_ms - started_ms, 0) AS severity,
  format('The {} request of worker {} for {} was answered {}', kind, worker,
    coalesce(nullif(subject_of(dag_id, run_id, task_id, map_index), ''), 'no task'), status)
    || coalesce(' («' || shortened(nullif(coalesce(message, reason), ''), 120) || '»)', '')
    || CASE
      WHEN started_ms IS NULL THEN ' with the token that came with the task.'
      ELSE format(' with the newest token it was given, {} after its start.', seconds(ended_ms - started_ms))
    END AS sentence,
  [op] AS operations,
  []::BIGINT[] AS commits
FROM operations LEFT JOIN starts USING (life)
WHERE actor = 'life' AND kind NOT LIKE 'impostor%' AND status IN (401, 403);
