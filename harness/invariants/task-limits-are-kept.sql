-- claim: No more instances of a task are QUEUED, RUNNING or DEFERRED at once than its max_active_tis_per_dag allows in
--   all runs, and its max_active_tis_per_dagrun in one.
-- title: More instances of a task were queued than its limit allows
-- source: documentation on `max_active_tis_per_dag`; `ConcurrencyMap`, which counts deferred ones since 3.2.2 (#61769)
-- needs: commits
-- exercised-by: task instances that were queued up to the limit of their task
-- min-exercised: 5
-- cut-off: each queueing is judged as it is committed
-- because: a scheduler that counts wrongly exceeds the limit as soon as it is reached
-- known-issues: #61700
-- sentence: {writer} queued {steps} more, so that {held_after} instances of {scope} were QUEUED, RUNNING or DEFERRED at
--   once, where {limited} is {most}.

-- given
-- What is queued counts either way; `held_awake` is without those that are deferred.
CREATE TEMP TABLE taken AS
SELECT every.*, awake.held_after AS held_awake, 'max_active_tis_per_dag' AS limited
FROM occupancy('instances of a task, deferred ones too') AS every
JOIN occupancy('instances of a task') AS awake USING (seq)
UNION ALL
SELECT every.*, awake.held_after, 'max_active_tis_per_dagrun'
FROM occupancy('instances of a task in its run, deferred ones too') AS every
JOIN occupancy('instances of a task in its run') AS awake USING (seq);

-- exercised
FROM taken SELECT coalesce(sum(taking), 0) WHERE is_last AND steps > 0 AND held_after >= most;

-- violations
FROM taken
SELECT *, held_after - most AS severity,
  CASE WHEN held_awake > most THEN 'queued or running' ELSE 'deferred ones do not count' END AS variant
WHERE is_last AND steps > 0 AND held_after > most;
