-- claim: A trigger that a worker sends again, because its answer was lost, is accepted, and there is one run of it.
-- title: A repeated trigger was refused, or made another run
-- known-issues: #66905
-- source: issues #66905 and #72876; the worker names the run, so that the server can recognise what it has carried out
-- needs: commits, operations
-- exercised-by: triggers that were sent again after their run was there
-- min-exercised: 5
-- cut-off: a trigger without an answer does not count
-- because: a build that refuses a repeated trigger, or carries it out, does so each time
-- sentence[refused]: Worker {worker} sent its trigger of {target} again, because the first answer was lost, and was
--   refused[ («{said}»)], although it had made that run itself {after_ms:seconds} before.
-- sentence[another run]: Worker {worker} sent one trigger of {target} {sendings:count} times, and there are
--   {runs:count} runs with its configuration: {run_ids}.

-- given
-- With the sending that had made the run.
CREATE TEMP TABLE replays AS
SELECT again.*, made.op AS made_op, made.seq, made.committed_ms
FROM (FROM operations WHERE kind = 'trigger_run' AND attempt > 1) AS again
JOIN (
  SELECT op, seq, committed_ms, life, target FROM carried_out JOIN operations USING (op) WHERE kind = 'trigger_run'
) AS made ON made.life = again.life AND made.target = again.target AND made.op <> again.op
WHERE made.committed_ms <= coalesce(again.ended_ms, again.sent_ms) + clock_tolerance_ms()
QUALIFY row_number() OVER (PARTITION BY again.op ORDER BY made.seq) = 1;

-- exercised
SELECT count(*) FROM replays WHERE status IS NOT NULL;

-- violations
WITH triggered AS (
  SELECT life, worker, target, dag_id, run_id, task_id, map_index,
    regexp_extract(target, '^[^/]+') AS child, json_extract_string(requested, '$.windtunnel') AS owner,
    count(*) AS sendings, max(ended_ms) AS ended_ms,
    list(op ORDER BY op) AS operations
  FROM operations WHERE kind = 'trigger_run' AND outcome <> 'refused' GROUP BY ALL
), twice AS (
  SELECT life, count(*) AS runs, string_agg(final.run_id, ', ' ORDER BY final.id) AS run_ids,
    list(made.seq ORDER BY made.seq) AS commits
  FROM triggered JOIN final_dag_run AS final
    ON final.dag_id = child AND json_extract_string(final.conf, '$.windtunnel') = owner
  JOIN (SELECT dag_id, run_id, min(seq) AS seq FROM dag_run_changes WHERE change = 'insert' GROUP BY ALL) AS made
    ON made.dag_id = final.dag_id AND made.run_id = final.run_id
  GROUP BY ALL HAVING count(*) > 1
)
SELECT worker, target, dag_id, run_id, task_id, map_index, ended_ms AS at_ms, 'refused' AS variant,
  coalesce(message, reason) AS said, ended_ms - committed_ms AS after_ms, after_ms AS severity,
  [made_op, op] AS operations, [seq] AS commits
-- A DAG that has gone, or a token that has ended, is another cause.
FROM replays WHERE status = 409
UNION ALL BY NAME
SELECT worker, target, dag_id, run_id, task_id, map_index, ended_ms AS at_ms, 'another run' AS variant, sendings,
  runs, run_ids, runs AS severity, operations, commits
FROM triggered JOIN twice USING (life);
