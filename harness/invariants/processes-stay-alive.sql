-- claim: No process of the stack exits by itself.
-- title: A process of the stack exited by itself
-- source: every process is a service that runs until it is asked to end; a scheduler that dies leaves its task
--   instances to another one's adoption, a minute later. One whose database goes away may end, as Airflow's own
--   schedulers do; its service manager starts it again
-- needs: server_log, samples
-- exercised-by: processes of the stack that were sampled
-- min-exercised: 2
-- cut-off: a process is judged as long as it was sampled
-- without-clocks: records of PostgreSQL are left out, and the harness gives those of other processes their time
-- despite-gaps: the harness itself notes which process ended
-- sentence: {died} by itself; it was started again a second later.

-- exercised
SELECT count(DISTINCT source) FROM samples WHERE metric = 'rss_bytes' AND source <> 'harness';

-- violations
SELECT at_ms, source AS subject, shortened(message, 300) AS died,
  -- SQLAlchemy's error: two objects became one row, for instance if a task got a new id after it was read.
  coalesce(role_of('wt-' || source), source)
    || CASE WHEN message LIKE '%Failed to add object to the flush context%' THEN ', a row under another id'
      -- From 3.4 on: of the tries of a task at most one is the current one.
      WHEN message LIKE '%task_instance_current_key%' THEN ', a second current try' ELSE '' END AS variant
FROM server_log
-- PostgreSQL calls a client's lost connection FATAL, too.
WHERE severity = 'FATAL' AND source <> 'postgres'
  -- A process meets the cut at its next statement, at the latest when its heartbeat is due after 5 s, and then has
  -- children to end; a triggerer that another fault slowed down took 24 s. What the nemesis itself kills is not in the
  -- log.
  AND NOT EXISTS (
    FROM cut_windows WHERE (process IS NULL OR process = source)
      AND at_ms BETWEEN opened_ms AND until_ms - cut_aftermath_ms() + recovery_ms());
