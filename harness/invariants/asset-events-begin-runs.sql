-- claim: An event of an asset begins a run of each DAG that waits for it: it is queued, and what is taken from the
--   queue is consumed.
-- title: An asset event began no run
-- source: documentation on asset-aware scheduling: a DAG that waits for any of its assets runs when one of them has had
--   an event; an event is queued in the transaction that makes it
-- needs: commits
-- exercised-by: events of assets that DAGs waited for
-- min-exercised: 20
-- cut-off: an event that was still queued when the load ended, or taken shortly before, does not count
-- because: an event that comes while a scheduler takes the one before it is lost or not, each time
-- sentence: Event {event_id} of the asset {asset}, which {source}, began no run of {dag_id} for {severity:seconds}:
--   {taken_by} had taken what was queued for the DAG, without this event[; then it had a run because of event
--   {next_event}].
-- sentence[never queued]: Event {event_id} of the asset {asset}, which {source}, began no run of {dag_id} for
--   {severity:seconds}: nothing was queued for the DAG[; then it had a run because of event {next_event}].
-- sentence[passed over]: Event {event_id} of the asset {asset}, which {source}, was consumed by no run of {dag_id}:
--   {by} created the run {run_id} {later_ms:seconds} later, which consumed events after it.

-- given
-- Of DAGs that wait for any of their assets: one that waits for all of them may wait for another.
CREATE TEMP TABLE waits AS
WITH awaited AS (
  -- A paused DAG is not queued.
  FROM awaited_events WHERE waits_for = 'any' AND NOT EXISTS (
    FROM pauses WHERE pauses.dag_id = awaited_events.dag_id AND from_ms <= committed_ms AND until_ms >= committed_ms)
), used AS (
  SELECT dag_id, event_id, arg_min(struct_pack(seq, xid, ms := committed_ms, last_event), seq) AS used
  FROM (
    -- With the last event of the same run.
    SELECT consumed_events.*, last_value(struct_pack(event_id := event_id, ms := events.committed_ms)) OVER (
      PARTITION BY dag_id, run_id ORDER BY events.committed_ms, event_id
      ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS last_event
    FROM consumed_events JOIN (SELECT event_id, committed_ms FROM asset_events) AS events USING (event_id)
  )
  GROUP BY ALL
), own AS (
  SELECT DISTINCT xid, dag_id, key FROM queue_changes WHERE change <> 'delete'
), keyed AS (
  -- Queued by the event itself, or found in the queue.
  SELECT awaited.*, coalesce(own.key, 'asset ' || asset_id) AS key, own.key IS NOT NULL AS is_own
  FROM awaited LEFT JOIN own ON own.xid = awaited.xid AND own.dag_id = awaited.dag_id
    AND own.key IN ('event ' || event_id, 'asset ' || asset_id)
), found AS (
  SELECT keyed.*, is_own OR coalesce(before.change <> 'delete', false) AS is_queued
  FROM keyed ASOF LEFT JOIN queue_changes AS before
    ON before.dag_id = keyed.dag_id AND before.key = keyed.key AND keyed.seq >= before.seq
), taken AS (
  SELECT found.*, taken.seq AS taken_seq, taken.xid AS taken_xid, taken.committed_ms AS taken_ms,
    taken.writer AS taken_by
  FROM found ASOF LEFT JOIN (FROM queue_changes WHERE change = 'delete') AS taken
    ON taken.dag_id = found.dag_id AND taken.key = found.key AND found.seq <= taken.seq
)
SELECT taken.* EXCLUDE (taken_seq, taken_ms), used.seq AS used_seq, coalesce(used.ms, 'infinity') AS used_ms,
  used.last_event AS last_event,
  CASE WHEN is_queued THEN taken_seq ELSE taken.seq END AS gone_seq,
  CASE WHEN is_queued THEN taken_ms ELSE taken.committed_ms END AS gone_ms,
  gone_seq IS NOT NULL AND coalesce(used.seq > gone_seq, true) AND NOT coalesce(used.xid = taken_xid, false)
    AS is_left_out,
  CASE WHEN source_dag_id IS NULL THEN 'an operator posted' ELSE 'a task of ' || source_dag_id || ' made' END AS source
FROM taken LEFT JOIN used USING (dag_id, event_id);

-- exercised
SELECT count(*) FROM waits CROSS JOIN load
WHERE CASE WHEN is_left_out THEN least(used_ms, gone_ms + asset_run_ms()) ELSE used_ms END <= load_ended_ms;

-- violations
WITH overdue AS (
  SELECT waits.*, least(used_ms, load_ended_ms) AS until_ms
  FROM waits CROSS JOIN load
  WHERE is_left_out AND until_ms - gone_ms > asset_run_ms() AND NOT excused_delay(gone_ms, until_ms)
), unfinished AS (
  SELECT dag_id, committed_ms AS since_ms,
    coalesce(lead(committed_ms) OVER of_dag, 'infinity') AS to_ms,
    sum(CASE WHEN change = 'insert' THEN 1 WHEN change = 'delete' THEN -(old_state IN ('queued', 'running'))::INTEGER
      WHEN state IN ('success', 'failed') AND old_state NOT IN ('success', 'failed') THEN -1
      WHEN state NOT IN ('success', 'failed') AND old_state IN ('success', 'failed') THEN 1 ELSE 0 END)
      OVER (PARTITION BY dag_id ORDER BY seq) AS runs
  FROM dag_run_changes SEMI JOIN overdue USING (dag_id)
  WINDOW of_dag AS (PARTITION BY dag_id ORDER BY seq)
), disturbed AS (
  -- Where it has as many runs as it may have, and where it is paused, it waits on purpose.
  SELECT overdue.dag_id, event_id FROM overdue JOIN unfinished USING (dag_id)
  WHERE runs >= max_active_runs AND since_ms <= until_ms AND to_ms >= committed_ms
  UNION
  SELECT overdue.dag_id, event_id FROM overdue JOIN pauses USING (dag_id)
  WHERE pauses.from_ms <= overdue.until_ms AND pauses.until_ms >= committed_ms
), consumed AS (
  SELECT consumed_events.*, events.seq AS event_seq
  FROM consumed_events JOIN (SELECT event_id, seq FROM asset_events) AS events USING (event_id)
), later AS (
  -- What a scheduler saw that consumed an event which was committed later.
  SELECT overdue.dag_id, overdue.event_id, arg_min(struct_pack(seq := used.seq, ms := used.committed_ms,
    run_id := used.run_id, writer := used.writer), used.seq) AS run
  FROM overdue JOIN consumed AS used ON used.dag_id = overdue.dag_id AND used.event_seq > overdue.seq
  WHERE overdue.used_seq IS NULL
  GROUP BY ALL
)
SELECT overdue.dag_id, event_id, asset, source, committed_ms AS at_ms, until_ms - committed_ms AS severity,
  concat('event ', event_id, ' for ', overdue.dag_id) AS subject, coalesce(taken_by, 'an unknown process') AS taken_by,
  run.run_id AS run_id, coalesce(run.writer, 'an unknown process') AS "by", run.ms - committed_ms AS later_ms,
  CASE WHEN used_seq IS NOT NULL AND last_event.event_id <> event_id THEN last_event.event_id END AS next_event,
  CASE WHEN run IS NOT NULL THEN 'passed over'
    WHEN is_queued THEN 'stranded' ELSE 'never queued' END AS variant,
  list_filter([overdue.seq, gone_seq, coalesce(used_seq, run.seq)], seq -> seq IS NOT NULL) AS commits
FROM overdue LEFT JOIN later USING (dag_id, event_id)
ANTI JOIN disturbed USING (dag_id, event_id);
