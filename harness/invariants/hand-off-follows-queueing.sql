-- claim: A task instance is handed to the workers once for each time that it was set to QUEUED, and not before.
-- title: A task was handed to a worker without being queued, or twice
-- source: a scheduler commits QUEUED before its executor sends the workload (jobs/scheduler_job_runner.py), so that the
--   worker's start finds it, and one worker alone gets it
-- needs: commits, lives
-- exercised-by: deliveries to the workers
-- min-exercised: 50
-- cut-off: a delivery after the last commit does not count
-- because: two schedulers pick the same task where many are ready at the same time
-- sentence: {scheduler} handed {subject} (try {try_number}) to worker {worker}, {how}.
-- sentence[delivered twice at once]: {subject} (try {try_number}) was handed over {deliveries} times, although it had
--   been set to QUEUED only {often}: while worker {worker} had it, it was sent out again.

-- given
CREATE TEMP TABLE queueings AS
SELECT ti_id, seq, committed_ms, writer, row_number() OVER (PARTITION BY ti_id ORDER BY seq) AS nth
FROM task_instance_changes
WHERE state = 'queued' AND change <> 'delete' AND old_state IS DISTINCT FROM 'queued';

-- A delivery after the life of the last one has ended begins a life; one before that end is only counted. Sending the
-- same delivery again after a lost acknowledgement is neither.
CREATE TEMP TABLE handed AS
SELECT
  *,
  row_number() OVER (PARTITION BY ti_id ORDER BY handed_ms, life) AS nth,
  lag(scheduler) OVER (PARTITION BY ti_id ORDER BY handed_ms, life) AS before_scheduler,
  lag(handed_ms) OVER (PARTITION BY ti_id ORDER BY handed_ms, life) AS before_ms
FROM lives
-- The stream may end before what was handed over last: the harness was killed, or the stream was behind.
WHERE handed_ms <= (SELECT max(committed_ms) FROM commits)
  -- Caused by the harness: a fault that plays a workload twice that was handed over once.
  AND duplicate_of IS NULL;

CREATE TEMP MACRO often(times) AS CASE WHEN times = 1 THEN 'once' ELSE times || ' times' END;

-- exercised
SELECT sum(deliveries) FROM (SELECT max(deliveries) AS deliveries FROM handed GROUP BY ti_id);

-- violations
WITH counted AS (
  SELECT ti_id, count(*) AS times FROM queueings GROUP BY ti_id
), last_lives AS (
  SELECT handed.*, count(*) OVER (PARTITION BY ti_id) AS lives
  FROM handed QUALIFY row_number() OVER (PARTITION BY ti_id ORDER BY nth DESC) = 1
), too_often AS (
  SELECT handed.*, times FROM handed LEFT JOIN counted USING (ti_id) WHERE nth > coalesce(times, 0)
), at_once AS (
  SELECT last_lives.*, times FROM last_lives JOIN counted USING (ti_id) WHERE deliveries > greatest(lives, times)
), proof AS (
  SELECT ti_id, list(seq ORDER BY seq) AS seqs
  FROM queueings SEMI JOIN (SELECT ti_id FROM too_often UNION ALL SELECT ti_id FROM at_once) AS wrong USING (ti_id)
  GROUP BY ti_id
), starts AS (
  SELECT life, min(op) AS op FROM operations WHERE kind = 'run' GROUP BY life
)
SELECT *, handed_ms AS at_ms, CASE WHEN times IS NULL THEN 'never queued' ELSE 'delivered again' END AS variant,
  coalesce(handed_ms - before_ms, 0) AS severity,
  CASE WHEN times IS NULL THEN 'and no commit had set it to QUEUED'
    ELSE format('{} after {} had handed it over, although it had been set to QUEUED only {}',
      seconds(handed_ms - before_ms), before_scheduler, often(times)) END AS how
FROM too_often LEFT JOIN proof USING (ti_id) LEFT JOIN starts USING (life)
UNION ALL BY NAME
SELECT *, handed_ms AS at_ms, 'delivered twice at once' AS variant, deliveries - greatest(lives, times) AS severity,
  often(times) AS often
FROM at_once JOIN proof USING (ti_id) LEFT JOIN starts USING (life)
UNION ALL BY NAME
SELECT handed.*, starts.op, handed_ms AS at_ms, 'before its commit' AS variant, committed_ms - handed_ms AS severity,
  seconds(committed_ms - handed_ms) || ' before its QUEUED was committed' AS how, [queueings.seq] AS commits
FROM handed JOIN queueings USING (ti_id, nth) LEFT JOIN starts USING (life)
WHERE committed_ms > handed_ms + clock_tolerance_ms();
