-- claim: No statement waits for a row lock as long as a worker's request may take.
-- title: A row lock was held longer than a worker’s request may take
-- source: a worker gives its request up then and sends it again, though the first may still be carried out; what holds
--   a row that long makes dozens of requests fail
-- needs: server_log, operations
-- exercised-by: requests that lock their task's row
-- min-exercised: 100
-- cut-off: a request without an answer does not count; a wait lasts to the end of the load at least
-- because: all requests that need a row wait while its lock is held too long
-- sentence: {subject} waited {waited_ms:seconds} for {row} that {holding} held («{waiting_sql}»); [the last that the
--   holder had sent was «{holder_sql}»; ][for {starved_ms:seconds} of it a process had no processor; ]a worker gives up
--   after {request_timeout_ms:seconds}.

-- given
-- With log_lock_waits PostgreSQL logs a wait when it has lasted deadlock_timeout, with the holder of the lock, and
-- again when it is over:
--   process 41 still waiting for ShareLock on transaction 900 after 300.1 ms
--     Process holding the lock: 42. Wait queue: 41.
--   process 41 acquired ShareLock on transaction 900 after 6234.5 ms
CREATE TEMP TABLE notes AS
SELECT at_ms, pid, application_name, statement, detail,
  regexp_extract(message, 'process \d+ (acquired|still waiting for) (\w+ on .*) after ([\d.]+) ms',
    ['what', 'lock', 'ms']) AS note
FROM server_log
-- Row locks: on the transaction that holds the row, or on the row itself. Waits for advisory locks are intended.
WHERE source = 'postgres' AND message LIKE 'process % on %'
  AND regexp_matches(message, 'process \d+ (acquired|still waiting for) \w+ on (transaction|tuple) ');

CREATE TEMP TABLE waits AS
SELECT at_ms, pid, application_name, statement, note.lock AS lock, try_cast(note.ms AS DOUBLE) AS waited_ms
FROM notes WHERE note.what = 'acquired'
UNION ALL
-- Never acquired: until the next record of that process (it was cancelled) or the end of the log.
SELECT waiting.at_ms, waiting.pid, application_name, statement, note.lock,
  coalesce(following.at_ms, ended.at_ms) - waiting.at_ms + try_cast(note.ms AS DOUBLE)
FROM (SELECT * FROM notes WHERE note.what = 'still waiting for') AS waiting
ASOF LEFT JOIN (SELECT at_ms, pid FROM server_log WHERE source = 'postgres') AS following
  ON following.pid = waiting.pid AND waiting.at_ms < following.at_ms
CROSS JOIN (SELECT load_ended_ms AS at_ms FROM load) AS ended
WHERE NOT EXISTS (
  FROM notes AS got
  WHERE got.pid = waiting.pid AND got.note.what = 'acquired' AND got.note.lock = waiting.note.lock
    AND got.at_ms >= waiting.at_ms);

CREATE TEMP TABLE names AS
SELECT pid, application_name AS name, at_ms AS from_ms, at_ms AS until_ms FROM backends WHERE application_name <> ''
UNION ALL
SELECT pid, name, from_ms, until_ms FROM writers;

-- exercised
SELECT count(*) FROM operations WHERE kind IN ('run', 'heartbeat', 'state') AND outcome = 'ok';

-- violations
WITH long AS (
  SELECT waits.*, row_number() OVER (ORDER BY at_ms, pid) AS wait
  FROM waits, plan
  WHERE waited_ms >= request_timeout_ms
    AND NOT excused_delay(waits.at_ms - waited_ms, waits.at_ms)
), held AS (
  SELECT long.wait, try_cast(regexp_extract(notes.detail, 'holding the locks?: (\d+)', 1) AS INTEGER) AS holder
  FROM long ASOF JOIN (SELECT * FROM notes WHERE note.what = 'still waiting for') AS notes
    ON notes.pid = long.pid AND notes.note.lock = long.lock AND long.at_ms >= notes.at_ms
), named AS (
  SELECT
    long.*, held.holder,
    coalesce(nullif(long.application_name, ''), (
      SELECT arg_min(name, (greatest(names.from_ms - long.at_ms, long.at_ms - names.until_ms, 0), name))
      FROM names WHERE names.pid = long.pid)) AS waiter_name,
    (SELECT arg_min(name, (greatest(names.from_ms - long.at_ms, long.at_ms - names.until_ms, 0), name))
      FROM names WHERE names.pid = held.holder) AS holder_name,
    -- The sampler saw the same wait, with its row, and what the holder had sent last. 1 s: two clocks, and its pace.
    (SELECT min(concat_ws(' ', seen.relation, subject_of(seen.dag_id, seen.run_id, seen.task_id, seen.map_index)))
      FROM lock_waits AS seen WHERE seen.pid = long.pid AND seen.dag_id IS NOT NULL
        AND abs(seen.waiting_since_ms - (long.at_ms - long.waited_ms)) <= 1000) AS row_name,
    (SELECT arg_max(seen.statement, (seen.at_ms, seen.statement)) FROM lock_waits AS seen
      WHERE seen.pid = held.holder AND seen.at_ms BETWEEN long.at_ms - long.waited_ms - 1000 AND long.at_ms
    ) AS holder_statement
  FROM long LEFT JOIN held USING (wait)
), starved AS (
  SELECT *, (
    SELECT max(waited_for_cpu_ms(one.process, at_ms - waited_ms, at_ms))
    FROM (SELECT unnest([waiter_name, holder_name, 'wt-postgres']) AS process) AS one) AS starved_ms
  FROM named
)
SELECT *, coalesce(waiter_name, 'process ' || pid) AS subject, waited_ms AS severity,
  format('{} behind {}', coalesce(role_of(waiter_name), 'unknown process'),
    coalesce(role_of(holder_name), 'unknown process')) AS variant,
  coalesce('the row ' || row_name, 'a row') AS row,
  coalesce(holder_name, 'process ' || holder, 'an unknown process') AS holding,
  shortened(coalesce(statement, 'its statement is not in the log'), 140) AS waiting_sql,
  shortened(holder_statement, 140) AS holder_sql
FROM starved, plan
-- A machine with too few processors makes every transaction long: the time in which the holder, its server process or
-- the waiting process had no processor is subtracted, because it says nothing about Airflow.
WHERE waited_ms - coalesce(starved_ms, 0) >= request_timeout_ms
-- The recorder waits on tables now and then, and lets others wait, as a fault's bystander does: that says nothing about
-- Airflow.
  AND coalesce(waiter_name NOT LIKE 'wt-harness%' AND waiter_name <> 'wt-bystander', true)
  AND coalesce(holder_name NOT LIKE 'wt-harness%' AND holder_name <> 'wt-bystander', true);
