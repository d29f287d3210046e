-- One row: a request that was answered 4xx or 5xx, and why. `explanation` says it in words; `cause_op` and
-- `cause_commit` are the request and the commit that caused it, if any. The classes of 4xx:
--   retry of a lost answer  an earlier attempt of the same request by the same life had been carried out
--   two at once             a first sending of rendered fields, while another write of the same fields was under way
--   duplicate delivery      the task had been handed to another life, which started or ended it
--   late update             the life's task had been failed, superseded or cleared before
--   violation of NAME       the task had been taken from its worker against the invariant NAME: it is
--                           running-is-not-overwritten or handed-off-can-start
--   legitimate              another actor had changed the state first
--   token                   401, 403
--   not understood          400, 405, 422: the request itself is wrong, not its time
--   wrong                   the record is complete, and contains no cause
--   unclassified            the record is not complete enough
-- and of 5xx: `deadlock` (its transaction was the victim, or waited for one), `fault` (a fault was open), `restart` (a
-- process or PostgreSQL was going down or coming up), `overload` (no connection or no time was left), and `wrong`.
CREATE OR REPLACE TABLE refused AS
SELECT op, life, worker, kind, dag_id, run_id, task_id, map_index, ti_id, target, attempt, sent_ms, ended_ms, status,
  reason, found_state, requested, message,
  coalesce(ended_ms, sent_ms) + clock_tolerance_ms() AS until_ms, sent_ms - clock_tolerance_ms() AS from_ms,
  kind IN ('run', 'heartbeat', 'state', 'rtif', 'skip_downstream', 'impostor_heartbeat', 'impostor_run')
    AND ti_id IS NOT NULL AS of_task
FROM operations WHERE status >= 400;

-- The tasks that they are about. Of a clear or a mark that was refused with 409 all tasks of the run: it archives what
-- comes after, too.
CREATE OR REPLACE TABLE refused_tasks AS
SELECT DISTINCT dag_id, run_id, task_id FROM refused
UNION
SELECT dag_id, run_id, changes.task_id
FROM (SELECT DISTINCT dag_id, run_id FROM refused WHERE kind IN ('clear', 'mark') AND status = 409)
JOIN (SELECT DISTINCT dag_id, run_id, task_id FROM task_instance_changes) AS changes USING (dag_id, run_id);

-- Changes of state, of id or of host of these tasks. `left_ms` is when the next one came.
CREATE OR REPLACE TABLE moves AS
SELECT *, lead(committed_ms) OVER (PARTITION BY dag_id, run_id, task_id, map_index ORDER BY seq) AS left_ms
FROM (
  SELECT *, lag(hostname) OVER (PARTITION BY dag_id, run_id, task_id, map_index ORDER BY seq) AS old_hostname
  FROM (
    SELECT seq, xid, committed_ms, change, dag_id, run_id, task_id, map_index, old_ti_id, ti_id, old_state, state,
      writer, writer_role, hostname
    FROM task_instance_changes SEMI JOIN refused_tasks USING (dag_id, run_id, task_id)
    -- Heartbeats are most of all changes, and change none of them.
    WHERE change <> 'update' OR old_state IS DISTINCT FROM state OR old_ti_id <> ti_id
      OR (state = 'running' AND NOT coalesce(is_heartbeat, false))
  )
)
WHERE change <> 'update' OR old_state IS DISTINCT FROM state OR old_ti_id <> ti_id
  OR (state = 'running' AND hostname <> old_hostname);

CREATE OR REPLACE TABLE refusal_causes AS
WITH again AS (
  -- The earlier attempt that had taken effect. Duplicates are two attempts of one write, whichever came first. A
  -- report that gave the row its new id is refused as not found.
  SELECT refused.op, done.op AS cause_op, done.seq
  FROM refused
  JOIN operations AS first ON first.life = refused.life AND first.kind = refused.kind AND first.op <> refused.op
    AND first.worker = refused.worker
  JOIN carried_out AS done ON done.op = first.op AND done.committed_ms <= refused.until_ms
  WHERE CASE WHEN refused.kind = 'rtif' THEN refused.status = 409
      ELSE refused.kind IN ('run', 'state', 'xcom_push', 'xcom_clear', 'skip_downstream', 'trigger_run')
        AND first.requested IS NOT DISTINCT FROM refused.requested AND first.target IS NOT DISTINCT FROM refused.target
        AND first.sent_ms < refused.sent_ms END
    AND (refused.status = 409 OR refused.kind LIKE 'xcom%' OR EXISTS (
      FROM moves WHERE moves.xid = done.xid AND moves.old_ti_id = refused.ti_id AND moves.ti_id <> moves.old_ti_id))
  QUALIFY row_number() OVER (PARTITION BY refused.op ORDER BY done.seq) = 1
), gone AS (
  SELECT refused.op, moves.seq
  FROM refused JOIN moves ON moves.old_ti_id = refused.ti_id AND (moves.ti_id <> moves.old_ti_id OR change = 'delete')
  WHERE of_task AND status IN (404, 410, 500) AND committed_ms <= refused.until_ms
  QUALIFY row_number() OVER (PARTITION BY refused.op ORDER BY moves.seq) = 1
), found AS (
  -- The state that the server says it found, and had not left before the request was sent; or another worker's start.
  SELECT refused.op, moves.seq
  FROM refused JOIN moves ON moves.ti_id = refused.ti_id
  WHERE of_task AND status = 409 AND kind <> 'rtif' AND moves.change <> 'delete'
    AND committed_ms <= refused.until_ms AND coalesce(left_ms >= refused.from_ms, true)
    AND CASE WHEN reason = 'running_elsewhere' AND found_state IS DISTINCT FROM 'restarting'
        THEN state = 'running' AND hostname <> refused.worker
      ELSE state IS NOT DISTINCT FROM found_state END
    AND NOT allows(refused.kind, state, hostname = refused.worker)
  QUALIFY row_number() OVER (PARTITION BY refused.op ORDER BY moves.seq DESC) = 1
), reached AS (
  -- Without regard to the reported state: the task was in a state that does not accept the request.
  SELECT refused.op, moves.seq
  FROM refused JOIN moves ON moves.ti_id = refused.ti_id
  WHERE of_task AND status = 409 AND kind <> 'rtif' AND moves.change <> 'delete'
    AND committed_ms <= refused.until_ms AND coalesce(left_ms >= refused.from_ms, true)
    AND NOT allows(refused.kind, state, hostname = refused.worker)
  QUALIFY row_number() OVER (PARTITION BY refused.op ORDER BY moves.seq DESC) = 1
), row_there AS (
  -- Rendered fields and XComs: the existing row.
  SELECT refused.op, written.seq
  FROM refused JOIN commits AS written USING (dag_id, run_id, task_id, map_index)
  WHERE refused.status = 409 AND written.change <> 'delete' AND written.committed_ms <= refused.until_ms
    AND refused.kind IN ('rtif', 'xcom_push') AND written.relation IN ('rendered_task_instance_fields', 'xcom')
    AND ((refused.kind = 'rtif' AND written.relation = 'rendered_task_instance_fields')
      OR (refused.kind = 'xcom_push' AND written.relation = 'xcom' AND (written."row" ->> '$.key') = refused.target))
  QUALIFY row_number() OVER (PARTITION BY refused.op ORDER BY written.seq DESC) = 1
), backfilled AS (
  SELECT refused.op, created_seq AS seq
  FROM refused JOIN backfill_lives USING (dag_id)
  WHERE refused.kind = 'backfill' AND refused.status = 409 AND created_ms <= refused.until_ms
    AND coalesce(completed_ms >= refused.from_ms, true)
  QUALIFY row_number() OVER (PARTITION BY refused.op ORDER BY created_seq) = 1
), met AS (
  -- Operators: what happened to the task while the request was under way (two archive the same try), the state that was
  -- requested and had been reached, the row that no longer exists; and the run that was created in the same moment.
  SELECT refused.op, moves.seq
  FROM refused JOIN moves USING (dag_id, run_id, task_id)
  WHERE refused.kind IN ('clear', 'mark') AND refused.status IN (404, 409) AND moves.committed_ms <= refused.until_ms
    AND (moves.committed_ms >= refused.from_ms
      OR (coalesce(left_ms >= refused.from_ms, true)
        AND (change = 'delete' OR (refused.kind = 'mark' AND state = refused.requested))))
  QUALIFY row_number() OVER (PARTITION BY refused.op ORDER BY moves.seq DESC) = 1
  UNION ALL
  SELECT refused.op, min(made.seq)
  FROM refused JOIN dag_run_changes AS made USING (dag_id)
  WHERE refused.kind = 'trigger' AND refused.status = 409 AND made.change = 'insert'
    AND made.committed_ms BETWEEN refused.from_ms - at_once_ms() AND refused.until_ms
  GROUP BY refused.op
  UNION ALL
  -- A mark or a clear archives what comes after in the run, too: of two that archive one try at once, the second finds
  -- its row in the history.
  SELECT refused.op, moves.seq
  FROM refused JOIN moves USING (dag_id, run_id)
  JOIN server_log ON sqlstate = '23505' AND contains(detail, moves.old_ti_id)
    AND server_log.at_ms BETWEEN refused.from_ms AND refused.until_ms
  WHERE refused.kind IN ('clear', 'mark') AND refused.status = 409 AND moves.ti_id <> moves.old_ti_id
    AND moves.committed_ms BETWEEN refused.from_ms AND refused.until_ms
  QUALIFY row_number() OVER (PARTITION BY refused.op ORDER BY moves.seq DESC) = 1
  UNION ALL
  -- A whole run: it was gone, or running and thus not deletable.
  SELECT refused.op, run.seq
  FROM refused JOIN (
    SELECT seq, committed_ms, dag_id, run_id, change, state,
      lead(committed_ms) OVER (PARTITION BY dag_run_id ORDER BY seq) AS left_ms
    FROM dag_run_changes WHERE change <> 'update' OR old_state IS DISTINCT FROM state
  ) AS run USING (dag_id, run_id)
  WHERE refused.task_id IS NULL AND refused.kind IN ('mark', 'bulk', 'delete') AND run.committed_ms <= refused.until_ms
    AND coalesce(left_ms >= refused.from_ms, true)
    AND CASE refused.status WHEN 404 THEN change = 'delete'
      WHEN 409 THEN refused.kind = 'delete' AND state = 'running' END
  QUALIFY row_number() OVER (PARTITION BY refused.op ORDER BY run.seq DESC) = 1
), causes AS (
  SELECT op, cause_op, seq, 1 AS place, 'again' AS how FROM again
  UNION ALL SELECT op, NULL, seq, 2, 'gone' FROM gone
  UNION ALL SELECT op, NULL, seq, 3, 'found' FROM found
  UNION ALL SELECT op, NULL, seq, 4, 'found' FROM reached
  UNION ALL SELECT op, NULL, seq, 5, 'row' FROM row_there
  UNION ALL SELECT op, NULL, seq, 6, 'backfill' FROM backfilled
  UNION ALL SELECT op, NULL, seq, 7, 'met' FROM met
)
SELECT causes.*, commits.xid, commits.committed_ms, commits.writer, commits.relation
FROM causes JOIN commits USING (seq)
QUALIFY row_number() OVER (PARTITION BY op ORDER BY place) = 1;

CREATE OR REPLACE TABLE refusal_classes AS
WITH doers AS (
  -- A transaction serves one request.
  SELECT xid, min(op) AS op FROM carried_out SEMI JOIN refusal_causes USING (xid) GROUP BY xid
), cause AS (
  SELECT causes.op, causes.how, causes.seq, coalesce(causes.cause_op, doers.op, backfill_lives.post) AS cause_op,
    causes.committed_ms, causes.writer, role_of(causes.writer) AS writer_role,
    moves.task_id AS action_task,
    CASE WHEN causes.how IN ('gone', 'found', 'met', 'again') AND causes.relation = 'task_instance' THEN
      format('{} → {}', state_name(moves.old_state),
        CASE WHEN moves.change = 'delete' THEN 'deleted'
          WHEN moves.ti_id <> moves.old_ti_id THEN state_name(moves.state) || ', as a new try'
          ELSE state_name(moves.state) END) END AS action
  FROM refusal_causes AS causes LEFT JOIN moves USING (seq) LEFT JOIN doers ON doers.xid = causes.xid
  LEFT JOIN backfill_lives ON backfill_lives.created_seq = causes.seq
), known AS (
  -- Whether the record has all changes of the task up to the answer: from its first row on, or from before the request.
  SELECT refused.op
  FROM refused JOIN moves ON moves.ti_id = refused.ti_id CROSS JOIN record
  WHERE moves.committed_ms <= refused.from_ms AND refused.until_ms <= record.until_ms
  GROUP BY refused.op
), wronged AS (
  -- The worker did nothing that calls for a refusal: the cause, or what it followed from, violates an invariant.
  -- What an operator did since is a cause of its own. A refused start is judged as such.
  SELECT cause.op, 'running-is-not-overwritten' AS invariant
  FROM cause JOIN refused USING (op)
  JOIN overwrites ON overwrites.old_ti_id = refused.ti_id AND overwrites.victim = refused.worker
    AND overwrites.seq <= cause.seq
  WHERE refused.kind <> 'run' AND cause.writer_role IS DISTINCT FROM 'api-core'
  UNION
  SELECT op, 'handed-off-can-start' FROM refused_starts WHERE seq IS NOT NULL
), excused AS (
  -- Where nothing counts as a violation: the record lacks a worker, or the database had been away.
  SELECT op FROM refused SEMI JOIN lost_runs USING (dag_id, run_id)
  UNION ALL
  SELECT op FROM refused JOIN outages ON outages.from_ms <= refused.until_ms
), trouble AS (
  SELECT refused.op, first(fault ORDER BY opened_ms, fault, victim) AS fault,
    first(victim ORDER BY opened_ms, fault, victim) AS victim
  FROM refused JOIN fault_windows ON opened_ms <= refused.until_ms
    -- A process that was cut or killed needs a moment to recover after the window has closed.
    AND coalesce(closed_ms + restart_ms() >= refused.sent_ms, true)
  WHERE status >= 500 GROUP BY refused.op
), failed AS (
  SELECT op, sent_ms, until_ms FROM refused WHERE status >= 500
), logs AS (
  SELECT at_ms, shortened(message, 120) AS message,
    (severity = 'FATAL' AND source <> 'harness')
      OR sqlstate IN ('57P01', '57P02', '57P03', '08006', '08001') AS restarting,
    sqlstate IN ('53300', '55P03', '57014') OR (source LIKE 'api-%'
      AND regexp_matches(message, 'QueuePool limit|too many clients|TimeoutError|timed out')) AS overloaded,
    source LIKE 'api-%' AND severity <> 'WARNING' AS of_api
  FROM server_log
), logged AS (
  -- Log records of that time.
  SELECT failed.op,
    CASE WHEN restarts.at_ms <= failed.until_ms + 1000 THEN restarts.message END AS restarting,
    CASE WHEN loads.at_ms <= failed.until_ms + 1000 THEN loads.message END AS overloaded,
    CASE WHEN words.at_ms >= failed.sent_ms THEN words.message END AS said
  FROM failed
  ASOF LEFT JOIN (SELECT at_ms, min(message) AS message FROM logs WHERE restarting GROUP BY at_ms) AS restarts
    ON failed.sent_ms - restart_ms() <= restarts.at_ms
  ASOF LEFT JOIN (SELECT at_ms, min(message) AS message FROM logs WHERE overloaded GROUP BY at_ms) AS loads
    ON failed.sent_ms - restart_ms() <= loads.at_ms
  ASOF LEFT JOIN (SELECT at_ms, min(message) AS message FROM logs WHERE of_api GROUP BY at_ms) AS words
    ON failed.until_ms >= words.at_ms
), locked AS (
  SELECT operation AS op, min(at_ms) AS at_ms, arg_min(roles, (at_ms, roles)) AS roles
  FROM dossiers WHERE operation IS NOT NULL GROUP BY ALL
), classed AS (
  SELECT refused.*, cause.how, cause.seq, cause.cause_op, cause.committed_ms, cause.writer,
    -- With the task's name if it is another task of the run.
    CASE WHEN action_task <> task_id THEN action_task || ' ' ELSE '' END || cause.action AS action,
    doer_kind, doer_worker,
    CASE
      WHEN status >= 500 THEN CASE
        WHEN locked.op IS NOT NULL THEN 'deadlock'
        WHEN trouble.op IS NOT NULL THEN 'fault'
        WHEN logged.restarting IS NOT NULL THEN 'restart'
        WHEN logged.overloaded IS NOT NULL THEN 'overload'
        ELSE 'wrong' END
      WHEN status IN (401, 403) THEN 'token'
      WHEN status NOT IN (404, 409, 410) THEN 'not understood'
      -- What a worker looks for need not be there.
      WHEN kind = 'other' AND status = 404 THEN 'legitimate'
      WHEN kind = 'rtif' AND attempt = 1 AND doer_kind = 'rtif' AND doer_sent_ms <= ended_ms
        AND coalesce(doer_ended_ms >= sent_ms, true) THEN 'two at once'
      WHEN cause.how = 'again' THEN 'retry of a lost answer'
      WHEN cause.op IS NULL THEN CASE
        -- The row exists from before the request until after the answer, in a state that accepts it.
        WHEN of_task AND status IN (404, 409, 410) AND known.op IS NOT NULL THEN 'wrong'
        WHEN kind IN ('backfill', 'clear', 'mark', 'trigger', 'delete', 'bulk') AND status IN (404, 409)
          AND record.is_there AND refused.until_ms <= record.until_ms THEN 'wrong'
        ELSE 'unclassified' END
      WHEN wronged.op IS NOT NULL THEN 'violation of ' || wronged.invariant
      WHEN doer_life <> life AND doer_ti = ti_id AND doer_kind IN ('run', 'state')
        AND kind NOT LIKE 'impostor%' THEN 'duplicate delivery'
      WHEN cause.how = 'row' AND doer_life = life THEN 'retry of a lost answer'
      WHEN cause.how = 'gone' OR (of_task AND cause.writer_role = 'scheduler') THEN 'late update'
      ELSE 'legitimate'
    END AS class,
    trouble.fault, trouble.victim, logged.restarting, logged.overloaded, logged.said, locked.roles, locked.at_ms
  FROM refused CROSS JOIN record
  LEFT JOIN cause USING (op)
  LEFT JOIN (SELECT op AS doer_op, kind AS doer_kind, worker AS doer_worker, life AS doer_life, ti_id AS doer_ti,
      sent_ms AS doer_sent_ms, ended_ms AS doer_ended_ms
    FROM operations SEMI JOIN (SELECT cause_op AS op FROM cause) USING (op)) AS doer ON doer_op = cause.cause_op
  LEFT JOIN known ON known.op = refused.op
  LEFT JOIN (FROM wronged ANTI JOIN excused USING (op)) AS wronged ON wronged.op = refused.op
  LEFT JOIN trouble ON trouble.op = refused.op
  LEFT JOIN logged ON logged.op = refused.op
  LEFT JOIN locked ON locked.op = refused.op
)
SELECT
  op, status, kind, class,
  CASE
    WHEN class = 'deadlock' THEN format('PostgreSQL cancelled it to end a deadlock ({})', roles)
    WHEN class = 'fault' THEN format('the fault {} was open on {}', fault, coalesce(victim, 'the stack'))
    WHEN class = 'restart' THEN restarting
    WHEN class = 'overload' THEN overloaded
    WHEN status >= 500 AND seq IS NOT NULL THEN
      format('the task instance no longer existed ({} by {}), which calls for a 404', action,
        coalesce(writer, 'an unknown process'))
    WHEN status >= 500 THEN coalesce(said, 'the log names no cause')
    WHEN class IN ('token', 'not understood') THEN coalesce(shortened(coalesce(message, reason), 120), '')
    WHEN class = 'wrong' AND of_task THEN
      format('the record shows the task instance {} during the whole request',
        CASE WHEN status = 409 THEN 'in a state that accepts it' ELSE 'present' END)
    WHEN class = 'wrong' THEN 'the record shows no reason for it'
    WHEN class = 'legitimate' AND kind = 'other' THEN format('{} found nothing', target)
    WHEN class = 'two at once' THEN
      format('another write of the same fields was under way{}', coalesce(' by ' || doer_worker, ''))
    WHEN class = 'unclassified' THEN 'the record does not show the state of its subject'
    WHEN how = 'again' THEN
      format('an earlier attempt took effect {} before', seconds(coalesce(ended_ms, sent_ms) - committed_ms))
    ELSE format('{}{}{} before, by {}',
      CASE how WHEN 'row' THEN 'the row was written ' WHEN 'backfill' THEN 'a backfill of this DAG was created '
        ELSE coalesce(action || ' ', 'committed ') END,
      seconds(coalesce(ended_ms, sent_ms) - committed_ms), '', coalesce(writer, 'an unknown process'))
      || coalesce(format(' (the {} of {})', doer_kind, doer_worker), '')
  END AS explanation,
  cause_op, seq AS cause_commit
FROM classed;

DROP TABLE refusal_causes;
DROP TABLE moves;
DROP TABLE refused_tasks;
DROP TABLE refused;
