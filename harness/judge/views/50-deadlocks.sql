-- Whether the statement of a side of a deadlock names the task of a request. An event that is posted is of no task, and
-- adds rows for the DAGs that wait for its asset.
CREATE OR REPLACE MACRO names_request(side, kind, ti_id, task_id, run_id) AS
  contains(side.statement, ti_id) OR (contains(side.statement, task_id) AND contains(side.statement, run_id))
  OR (kind = 'asset_event' AND role_of(side.process) = 'api-core'
    AND contains(side.statement, 'INTO asset_dag_run_queue'));

-- One row: a PostgreSQL backend that wrote for a process, from its first commit to its last.
CREATE OR REPLACE VIEW writers AS
SELECT writer_pid AS pid, writer AS name, min(committed_ms) AS from_ms, max(committed_ms) AS until_ms
FROM commits WHERE writer <> '' AND writer_pid IS NOT NULL GROUP BY ALL;

-- One row: a deadlock that PostgreSQL reported, also of others, its sides (the victim first) and the request that it
-- failed.
-- The log's detail names processes by pid and gives both statements:
--   Process 41 waits for ShareLock on transaction 900; blocked by process 42.
--   Process 42 waits for ExclusiveLock on tuple (1,2) of relation 16500; blocked by process 41.
--   Process 41: UPDATE …
--   Process 42: SELECT …
-- A statement may run over several lines, so it ends where the next `Process N: ` begins.
CREATE OR REPLACE TABLE logged_deadlocks AS
WITH reports AS (
  SELECT
    row_number() OVER (ORDER BY at_ms, pid) AS deadlock, at_ms, pid AS victim, xid, context, application_name,
    statement,
    string_split(regexp_replace(chr(10) || coalesce(detail, ''), '\n\s*Process (\d+): ', chr(1) || '\1' || chr(2), 'g'),
      chr(1)) AS parts
  FROM server_log
  WHERE source = 'postgres' AND sqlstate = '40P01'
), named_sides AS (
  SELECT deadlock, try_cast(split_part(part, chr(2), 1) AS INTEGER) AS pid, split_part(part, chr(2), 2) AS statement,
    place
  FROM (SELECT deadlock, unnest(parts[2:]) AS part, generate_subscripts(parts[2:], 1) AS place FROM reports)
), raw_sides AS (
  SELECT deadlock, pid, statement, place FROM named_sides WHERE pid IS NOT NULL
  -- A log without detail still names the victim and what it was doing.
  UNION ALL
  SELECT deadlock, victim, coalesce(statement, ''), 0 FROM reports
  WHERE NOT EXISTS (
    FROM named_sides WHERE named_sides.deadlock = reports.deadlock AND named_sides.pid = reports.victim)
), noted AS (
  -- A connection that lived for less than the second between two looks of the probe may have been logged, or seen
  -- waiting.
  SELECT pid, at_ms, application_name AS name FROM backends WHERE application_name <> ''
  UNION ALL
  SELECT pid, at_ms, application_name FROM server_log WHERE source = 'postgres' AND application_name <> ''
  UNION ALL
  SELECT pid, at_ms, application_name FROM lock_waits WHERE application_name <> ''
), names AS (
  -- Pids are used again, and the probe notes a pid when its process changes: the last note before the deadlock holds,
  -- else the first one after it.
  SELECT deadlock, pid, arg_min(name, distance) AS name
  FROM (
    SELECT raw_sides.deadlock, raw_sides.pid, noted.name, reports.at_ms - noted.at_ms AS distance
    FROM raw_sides JOIN reports USING (deadlock)
    ASOF JOIN noted ON noted.pid = raw_sides.pid AND reports.at_ms >= noted.at_ms
    UNION ALL
    SELECT raw_sides.deadlock, raw_sides.pid, noted.name, 1e11 + noted.at_ms - reports.at_ms
    FROM raw_sides JOIN reports USING (deadlock)
    ASOF JOIN noted ON noted.pid = raw_sides.pid AND reports.at_ms <= noted.at_ms
    UNION ALL
    -- A writer seen in the commits comes after a backend seen by the probe: it may have been its predecessor's pid.
    SELECT raw_sides.deadlock, raw_sides.pid, writers.name,
      1e12 + greatest(writers.from_ms - reports.at_ms, reports.at_ms - writers.until_ms, 0)
    FROM raw_sides JOIN reports USING (deadlock) JOIN writers USING (pid)
  )
  GROUP BY ALL
), sides AS (
  SELECT
    raw_sides.deadlock, raw_sides.pid, raw_sides.place, raw_sides.pid = reports.victim AS is_victim,
    -- The detail's statements are cut; the victim's own, which is logged with it, is whole.
    trim(CASE WHEN raw_sides.pid = reports.victim AND length(reports.statement) > length(raw_sides.statement)
      THEN reports.statement ELSE raw_sides.statement END, ' ' || chr(10)) AS statement,
    coalesce(CASE WHEN raw_sides.pid = reports.victim THEN nullif(reports.application_name, '') END, names.name,
      'an unknown process') AS process
  FROM raw_sides JOIN reports USING (deadlock) LEFT JOIN names USING (deadlock, pid)
), grouped AS (
  SELECT
    deadlock,
    list({'pid': pid, 'process': process, 'statement': statement} ORDER BY is_victim DESC, place) AS sides,
    string_agg(DISTINCT coalesce(role_of(process), process) || ': ' || kind_of(statement), ' × '
      ORDER BY coalesce(role_of(process), process) || ': ' || kind_of(statement)) AS fingerprint,
    string_agg(coalesce(role_of(process), process), ' × ' ORDER BY coalesce(role_of(process), process)) AS roles
  FROM sides GROUP BY deadlock
), errors AS (
  SELECT regexp_extract(message, 'Error with id (\w+)', 1) AS error,
    try_cast(regexp_extract(message, 'Process (\d+) waits', 1) AS INTEGER) AS pid
  FROM server_log WHERE source LIKE 'api-%' AND message LIKE 'Error with id %'
), failures AS (
  -- By the second, so that those of one moment meet without being compared with all others.
  SELECT *, unnest(range(floor((sent_ms - clock_tolerance_ms()) / 1000)::BIGINT,
    floor((ended_ms + clock_tolerance_ms()) / 1000)::BIGINT + 1)) AS second
  FROM operations WHERE status >= 500
), failed AS (
  -- The request that was answered 5xx while it happened. Its ids are literals of the victim's statement where the
  -- client writes them in; else it is named only if no other request failed at that moment. A scheduler that is the
  -- victim fails no request.
  SELECT
    deadlock, op,
    coalesce(contains(victim.statement, operations.ti_id), false)
      OR coalesce(
        contains(victim.statement, operations.task_id) AND contains(victim.statement, operations.run_id), false)
      AS named,
    -- A statement with an id in it is some request's, if not this one's.
    regexp_matches(victim.statement, '[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}') AS names_one,
    -- At the same moment another client may have been a victim.
    (SELECT coalesce(used_by_others, false) FROM manifest) AND role_of(process) IS NULL AS is_of_others,
    -- The API's log names a failure by an id that the answer has, too, and there it has PostgreSQL's detail, the
    -- victim first.
    EXISTS (
      FROM errors WHERE errors.pid = victim.pid AND contains(operations.message, errors.error)) AS logged,
    count(*) OVER (PARTITION BY deadlock) AS candidates
  FROM (SELECT * FROM sides WHERE is_victim) AS victim JOIN reports USING (deadlock)
  JOIN failures AS operations ON operations.second = floor(at_ms / 1000)::BIGINT
    AND sent_ms <= at_ms + clock_tolerance_ms() AND ended_ms >= at_ms - clock_tolerance_ms()
  WHERE coalesce(role_of(process), 'api') LIKE 'api%' OR process = 'an unknown process'
)
SELECT
  deadlock, at_ms, victim, xid, context, parts[1] AS waits, sides, fingerprint, roles,
  (SELECT min(op) FROM failed WHERE failed.deadlock = grouped.deadlock
    AND (named OR logged OR (candidates = 1 AND NOT names_one AND NOT is_of_others))) AS operation
FROM grouped JOIN reports USING (deadlock)
ORDER BY at_ms;
