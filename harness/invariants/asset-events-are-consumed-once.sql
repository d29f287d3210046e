-- claim: A DAG consumes an event of an asset in one of its runs, not in several.
-- title: An asset event was consumed twice
-- source: documentation on asset-aware scheduling: a run has the events since the one before it
-- needs: commits
-- exercised-by: events that runs consumed
-- min-exercised: 20
-- cut-off: each run is judged as it is committed
-- because: two schedulers that take an event at once do so whenever they meet
-- sentence: Event {event_id} of the asset {asset} was consumed by {runs} runs of {dag_id}: {one_by} created the run
--   {one}, and {other_by} the run {other} {after_ms:seconds} later.

-- exercised
SELECT count(*) FROM (SELECT DISTINCT dag_id, event_id FROM consumed_events);

-- violations
SELECT dag_id, event_id, any_value(asset) AS asset, count(*) AS runs, count(*) AS severity,
  concat('event ', event_id, ' for ', dag_id) AS subject,
  list(coalesce(used.writer, 'an unknown process') ORDER BY used.seq) AS writers, writers[1] AS one_by,
  writers[2] AS other_by, list(used.run_id ORDER BY used.seq) AS run_ids, run_ids[1] AS one, run_ids[2] AS other,
  list(used.committed_ms ORDER BY used.seq) AS times, times[2] - times[1] AS after_ms, times[2] AS at_ms,
  CASE WHEN one_by = other_by THEN 'by one process' WHEN after_ms <= at_once_ms() THEN 'by two processes at once'
    ELSE 'by two processes' END AS variant,
  list(used.seq ORDER BY used.seq)[:10] AS commits
FROM consumed_events AS used LEFT JOIN (SELECT event_id, asset FROM asset_events) AS events USING (event_id)
GROUP BY dag_id, event_id HAVING count(*) > 1;
