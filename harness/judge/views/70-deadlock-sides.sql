-- What the log and the sampler say of each side. A table, so that DuckDB knows how few they are, and that it need not
-- read millions of requests where there is none.
CREATE OR REPLACE TABLE logged_sides AS
WITH sides AS (
  SELECT deadlock, at_ms, victim, logged_deadlocks.xid AS victim_xid, context, operation, waits, place,
    side.pid AS pid, side.process AS process, side.statement AS statement, side.pid = victim AS is_victim
  FROM (
    SELECT *, unnest(sides) AS side, generate_subscripts(sides, 1) AS place FROM logged_deadlocks
  ) AS logged_deadlocks
), lines AS (
  SELECT deadlock, unnest(string_split(waits, chr(10))) AS line FROM logged_deadlocks
), waits AS (
  SELECT deadlock, try_cast(said.pid AS INTEGER) AS pid, said.lock AS lock, try_cast(said.blocker AS INTEGER) AS blocker
  FROM (SELECT deadlock, regexp_extract(line, 'Process (\d+) waits for (\w+ on .*); blocked by process (\d+)',
    ['pid', 'lock', 'blocker']) AS said FROM lines)
  WHERE said.pid <> ''
), xids AS (
  -- A transaction that is waited for is that of the one that blocks.
  SELECT deadlock, blocker AS pid, min(try_cast(regexp_extract(lock, 'transaction (\d+)', 1) AS BIGINT)) AS xid
  FROM waits WHERE lock LIKE '%on transaction %' GROUP BY ALL
), nearby AS (
  -- In steps of 6 s, longer than any time looked back below, so that a side meets what was logged then and no more.
  SELECT deadlock, pid, at_ms, floor(at_ms / 6000)::BIGINT + unnest([-1, 0, 1]) AS step FROM sides
), seen AS (
  -- The wait as the sampler saw it, with the row.
  SELECT sides.deadlock, sides.pid, lock_waits.* EXCLUDE (pid, statement, at_ms, lock, xid, step),
    lock_waits.xid AS seen_xid
  FROM nearby AS sides JOIN (SELECT *, floor(at_ms / 6000)::BIGINT AS step FROM lock_waits) AS lock_waits
    USING (pid, step)
  WHERE lock_waits.at_ms BETWEEN sides.at_ms - 5000 AND sides.at_ms + 500
    AND coalesce(waiting_since_ms <= sides.at_ms, true)
  QUALIFY row_number() OVER (
    PARTITION BY sides.deadlock, sides.pid ORDER BY waiting_since_ms IS NULL, lock_waits.at_ms DESC) = 1
), noted AS (
  -- With log_lock_waits: "still waiting for ShareLock on transaction 900 after 300.1 ms".
  SELECT sides.deadlock, sides.pid,
    min(logs.at_ms - try_cast(regexp_extract(logs.message, 'after ([\d.]+) ms', 1) AS DOUBLE)) AS since_ms
  FROM sides JOIN waits USING (deadlock, pid)
  JOIN (
    SELECT pid, at_ms, message, regexp_extract(message, 'still waiting for (\w+ on .*) after', 1) AS lock
    FROM server_log WHERE source = 'postgres' AND message LIKE '%still waiting for%'
  ) AS logs ON logs.pid = sides.pid AND logs.lock = waits.lock
    AND logs.at_ms BETWEEN sides.at_ms - 60000 AND sides.at_ms + 50
  GROUP BY ALL
), relations AS (
  -- Relations are numbers in the detail. The victim's own has its name in the context.
  SELECT DISTINCT regexp_extract(lock, 'of relation (\d+)', 1) AS oid,
    regexp_extract(context, 'in relation "(\w+)"', 1) AS relation
  FROM waits JOIN logged_deadlocks USING (deadlock)
  WHERE waits.pid = victim AND lock LIKE '%of relation%' AND context <> ''
), joined AS (
  SELECT sides.*, waits.lock, waits.blocker,
    coalesce(xids.xid, seen.seen_xid, CASE WHEN is_victim THEN victim_xid END) AS xid,
    seen.xact_started_ms, coalesce(seen.waiting_since_ms, noted.since_ms) AS waited_from_ms,
    -- The row that it waits for.
    coalesce(
      CASE WHEN is_victim THEN nullif(regexp_extract(sides.context, 'in relation "(\w+)"', 1), '') END,
      CASE WHEN seen.waiting_since_ms IS NOT NULL THEN seen.relation END, relations.relation) AS waits_relation,
    nullif(subject_of(seen.dag_id, seen.run_id, seen.task_id, seen.map_index), '') AS waits_row,
    nullif(regexp_extract(statement, 'task_instance\.id = ''([0-9a-f-]{36})''', 1), '') AS named_ti,
    nullif(regexp_extract(statement, 'dag_id = ''([^'']+)''', 1), '') AS named_dag,
    nullif(regexp_extract(statement, 'run_id = ''([^'']+)''', 1), '') AS named_run,
    nullif(regexp_extract(statement, 'dag_run\.id = (\d+)', 1), '') AS named_dag_run,
    nullif(regexp_extract(statement, 'task_instance\.id IN \(''([0-9a-f-]{36})''', 1), '') AS first_ti
  FROM sides
  LEFT JOIN waits USING (deadlock, pid) LEFT JOIN xids USING (deadlock, pid)
  LEFT JOIN seen USING (deadlock, pid) LEFT JOIN noted USING (deadlock, pid)
  LEFT JOIN relations ON relations.oid = regexp_extract(waits.lock, 'of relation (\d+)', 1)
), held AS (
  -- The row that another side waits for and this side holds.
  SELECT DISTINCT ON (other.deadlock, other.blocker)
    other.deadlock, other.blocker AS pid, seen.relation, seen.dag_id, seen.run_id, seen.task_id, seen.map_index
  FROM waits AS other JOIN seen ON seen.deadlock = other.deadlock AND seen.pid = other.pid
  WHERE seen.dag_id IS NOT NULL ORDER BY ALL
)
SELECT joined.*, held.relation AS held_relation, held.dag_id AS held_dag_id, held.run_id AS held_run_id,
  held.task_id AS held_task_id, coalesce(held.map_index, -1) AS held_map_index
FROM joined LEFT JOIN held USING (deadlock, pid);

-- One row: a side of a deadlock, its action and subject, what it waited for and since when. `action` and `subject`
-- are NULL where they are unknown. They come from the statements where the client writes literals into them (psycopg2
-- does); else (asyncpg, node) from the transactions that were committed in the end, and from the row that a process was
-- seen waiting for.
CREATE OR REPLACE TABLE deadlock_sides AS
WITH under_way AS (
  SELECT op, kind, actor, ti_id, dag_id, run_id, task_id, coalesce(map_index, -1) AS map_index, sent_ms,
    CASE WHEN ended_ms IS NULL OR status IS NULL THEN sent_ms + abandoned_request_ms() ELSE ended_ms END
      + clock_tolerance_ms() AS until_ms
  FROM operations
  -- None where there is no deadlock.
  WHERE sent_ms <= (SELECT max(at_ms) FROM logged_deadlocks) + clock_tolerance_ms()
), served AS (
  SELECT deadlock, pid, arg_min(op, (place, -sent_ms)) AS op
  FROM (
    SELECT deadlock, pid, operation AS op, 0 AS place, 0 AS sent_ms
    FROM logged_sides WHERE is_victim AND operation IS NOT NULL
    UNION ALL
    SELECT deadlock, pid, under_way.op, 1, sent_ms FROM logged_sides JOIN under_way ON under_way.ti_id = named_ti
    WHERE sent_ms <= at_ms + clock_tolerance_ms() AND under_way.until_ms >= at_ms
      AND process NOT LIKE 'wt-scheduler%' AND actor = 'life'
    UNION ALL
    SELECT deadlock, pid, carried_out.op, 2, 0 FROM logged_sides JOIN carried_out USING (xid)
    UNION ALL
    SELECT deadlock, pid, under_way.op, 3, sent_ms
    FROM logged_sides JOIN under_way ON under_way.dag_id = held_dag_id AND under_way.run_id = held_run_id
      AND under_way.task_id = held_task_id AND under_way.map_index = held_map_index
    WHERE held_relation = 'task_instance' AND process LIKE 'wt-api-%'
      AND sent_ms <= at_ms + clock_tolerance_ms() AND under_way.until_ms >= at_ms
  )
  GROUP BY ALL
), requests AS MATERIALIZED (
  SELECT op, kind, dag_id, run_id, task_id, map_index FROM operations SEMI JOIN served USING (op)
), task_names AS (
  SELECT ti_id, any_value(dag_id) AS dag_id, any_value(run_id) AS run_id, any_value(task_id) AS task_id,
    any_value(map_index) AS map_index
  FROM task_instance_changes SEMI JOIN (
    SELECT named_ti AS ti_id FROM logged_sides UNION ALL SELECT first_ti FROM logged_sides
  ) AS asked USING (ti_id)
  GROUP BY ti_id
), run_names AS (
  SELECT dag_run_id, any_value(dag_id) AS dag_id, any_value(run_id) AS run_id
  FROM dag_run_changes SEMI JOIN (SELECT named_dag_run AS dag_run_id FROM logged_sides) AS asked USING (dag_run_id)
  GROUP BY ALL
), wrote AS (
  SELECT xid, min(dag_id) AS dag_id, min(run_id) AS run_id FROM commits SEMI JOIN logged_sides USING (xid)
  WHERE dag_id IS NOT NULL AND run_id IS NOT NULL AND relation <> 'xcom' GROUP BY xid
), stated AS (
  SELECT
    one.deadlock, one.at_ms, one.place, one.pid, one.process, one.is_victim, one.statement, one.xid,
    one.xact_started_ms, one.lock, one.blocker, one.waited_from_ms, one.waits_relation, one.waits_row, served.op,
    requests.kind,
    action_of(requests.kind, one.statement) AS action,
    coalesce(
      nullif(subject_of(requests.dag_id, requests.run_id, requests.task_id, requests.map_index), ''),
      nullif(subject_of(named.dag_id, named.run_id, named.task_id, named.map_index), ''),
      CASE WHEN named_run IS NOT NULL THEN concat_ws('/', named_dag, named_run) END,
      nullif(concat_ws('/', run_names.dag_id, run_names.run_id), ''),
      -- The first of several.
      nullif(concat_ws('/', several.dag_id, several.run_id), ''),
      nullif(concat_ws('/', held_dag_id, held_run_id), ''),
      nullif(concat_ws('/', wrote.dag_id, wrote.run_id), ''),
      waits_row
    ) AS subject
  FROM logged_sides AS one
  LEFT JOIN served USING (deadlock, pid)
  LEFT JOIN requests ON requests.op = served.op
  LEFT JOIN task_names AS named ON named.ti_id = one.named_ti
  LEFT JOIN task_names AS several ON several.ti_id = one.first_ti
  LEFT JOIN run_names ON run_names.dag_run_id = one.named_dag_run
  LEFT JOIN wrote ON wrote.xid = one.xid
)
SELECT
  stated.* EXCLUDE (waits_relation, waits_row, is_bulk, subject),
  -- A bulk UPDATE of a run's tasks is about the run of the task that it waits for.
  coalesce(stated.subject, CASE WHEN bulk THEN nullif(concat_ws('/', holder.dag_id, holder.run_id), '') END) AS subject,
  -- Where the row was not seen: a bulk UPDATE that waits for a report's transaction waits for the report's task, and a
  -- report that waits for a DAG run waits for its own.
  coalesce(stated.waits_relation, CASE WHEN bulk THEN 'task_instance' END) AS waits_relation,
  coalesce(stated.waits_row, CASE
    WHEN coalesce(stated.waits_relation, 'task_instance') = 'task_instance' AND bulk THEN holder.subject
    WHEN stated.waits_relation = 'dag_run' THEN (
      SELECT nullif(concat_ws('/', dag_id, run_id), '') FROM requests WHERE requests.op = stated.op)
  END) AS waits_row
FROM (SELECT *, coalesce(regexp_matches(statement, '^\s*UPDATE task_instance'), false) AS is_bulk FROM stated) AS stated
LEFT JOIN (
  SELECT deadlock, pid, subject, stated.kind, dag_id, run_id
  FROM stated LEFT JOIN requests USING (op)
) AS holder
  ON holder.deadlock = stated.deadlock AND holder.pid = stated.blocker
CROSS JOIN LATERAL (SELECT stated.is_bulk AND coalesce(holder.kind IN ('state', 'run', 'heartbeat'), false) AS bulk);

-- One row: a deadlock of the stack, or of which that is not known. Other clients of a target's database have deadlocks,
-- too, which say nothing about the stack and are left out. `origin`: 'stack' if every side is a process of the stack,
-- by its name or because it concerned a row of the run; else 'not known'.
CREATE OR REPLACE TABLE deadlocks AS
WITH stack AS (
  -- If all that wrote rows of the run have names as docs/target.md asks for, a client with another name is no process
  -- of the stack.
  SELECT coalesce(bool_and(writer LIKE 'wt-%'), false) AS is_named FROM commits
), evidence AS (
  SELECT deadlock,
    process LIKE 'wt-%' AS is_named,
    coalesce(starts_with(subject, format('wt_{}_wt_', id)), false) AS is_of_run,
    stack.is_named AND (process = 'another client'
      OR (deadlock_sides.is_victim AND process = 'an unknown process')) AS is_of_others
  FROM deadlock_sides CROSS JOIN stack CROSS JOIN manifest
), origins AS (
  SELECT deadlock,
    CASE WHEN bool_and(is_named OR (is_of_run AND NOT is_of_others)) THEN 'stack'
      WHEN bool_or(is_of_others) AND NOT bool_or(is_of_run) THEN 'others'
      ELSE 'not known' END AS origin
  FROM evidence GROUP BY deadlock
)
SELECT logged_deadlocks.*,
  CASE WHEN used_by_others THEN coalesce(origin, 'not known') ELSE 'stack' END AS origin
FROM logged_deadlocks LEFT JOIN origins USING (deadlock) CROSS JOIN manifest
WHERE NOT coalesce(used_by_others AND origin = 'others', false)
ORDER BY at_ms;

-- A row for each reason why it is not known whether deadlocks are the stack's: it has other users.
CREATE OR REPLACE VIEW deadlocks_in_doubt AS
SELECT format('of {:d} of the deadlocks that PostgreSQL reported it is not known whether they are of this stack or of '
  || 'other clients of its database: they are of {}, and no row of the run is named', count(*),
  string_agg(DISTINCT list_aggregate(list_transform(sides, side -> side.process), 'string_agg', ' and '), '; ')
) AS sentence
FROM deadlocks WHERE origin = 'not known' HAVING count(*) > 0
UNION ALL
SELECT format('PostgreSQL counted {:d} deadlocks more than its log names, and other clients use its database, too',
  counted::BIGINT - named)
FROM (SELECT max(value) AS counted FROM samples WHERE metric = 'deadlocks'),
  (SELECT count(*) AS named FROM logged_deadlocks), manifest
WHERE used_by_others AND counted > named;

-- With the request of the victim's side, where it failed.
CREATE OR REPLACE TABLE deadlock_victims AS
SELECT deadlocks.* REPLACE (coalesce(deadlocks.operation, served.op) AS operation)
FROM deadlocks LEFT JOIN (
  SELECT deadlock, op FROM deadlock_sides JOIN (SELECT op FROM operations WHERE status >= 500) USING (op)
  WHERE is_victim
) AS served USING (deadlock);

-- One row: a deadlock and its outcome. `is_explained` if every side has a name, an action and a subject.
-- The request that failed, its next attempt, and the final state of the task instance.
CREATE OR REPLACE TABLE dossiers AS
WITH explained AS (
  SELECT deadlock, count(*) > 1 AND bool_and(
    action IS NOT NULL AND subject IS NOT NULL AND process <> 'an unknown process') AS is_explained
  FROM deadlock_sides GROUP BY deadlock
), died AS (
  -- Airflow's scheduler may exit when it loses a transaction.
  SELECT deadlock, min(logs.at_ms) AS died_ms
  FROM deadlock_victims AS deadlocks
  JOIN server_log AS logs ON logs.severity = 'FATAL' AND 'wt-' || logs.source = sides[1].process
    AND logs.at_ms BETWEEN deadlocks.at_ms AND deadlocks.at_ms + 10000
  GROUP BY deadlock
), failed AS MATERIALIZED (
  -- Few, and found first: else all requests would be joined with each other.
  SELECT deadlock, at_ms, operations.* FROM deadlock_victims JOIN operations ON op = operation
), retried AS (
  SELECT deadlock, again.op AS retry, again.status AS retry_status, again.sent_ms AS retry_ms,
    again.outcome AS retry_outcome
  FROM failed AS first JOIN operations AS again
    ON again.life = first.life AND again.kind = first.kind AND again.ti_id = first.ti_id
    AND again.requested IS NOT DISTINCT FROM first.requested AND again.attempt > first.attempt
    AND again.sent_ms > first.sent_ms
  QUALIFY row_number() OVER (PARTITION BY deadlock ORDER BY again.sent_ms, again.op) = 1
), ended AS (
  -- The first state after the deadlock that the task left RUNNING for, under the id that it had then.
  SELECT deadlock, changes.seq, changes.state, changes.committed_ms, changes.writer
  FROM failed JOIN task_instance_changes AS changes ON changes.old_ti_id = failed.ti_id
  WHERE changes.committed_ms >= failed.at_ms - clock_tolerance_ms() AND changes.change = 'update'
    AND changes.old_state IS DISTINCT FROM changes.state
  QUALIFY row_number() OVER (PARTITION BY deadlock ORDER BY changes.seq) = 1
)
SELECT
  deadlocks.deadlock, deadlocks.at_ms, deadlocks.xid, deadlocks.roles, deadlocks.fingerprint, deadlocks.operation,
  coalesce(is_explained, false) AS is_explained,
  died.died_ms,
  failed.status, failed.ended_ms AS answered_ms, failed.requested,
  retry, retry_status, retry_ms, retry_outcome,
  ended.seq AS end_commit, ended.state AS end_state, ended.committed_ms AS end_ms, ended.writer AS end_writer
FROM deadlock_victims AS deadlocks
LEFT JOIN explained USING (deadlock)
LEFT JOIN died USING (deadlock)
LEFT JOIN failed USING (deadlock)
LEFT JOIN retried USING (deadlock)
LEFT JOIN ended USING (deadlock);

DROP TABLE deadlock_victims;
DROP TABLE logged_sides;
