-- claim: A worker that was handed a task may start it, unless an operator, a branch's skip, or a scheduler that died
--   came between.
-- title: A task was handed to a worker that was then not allowed to start it
-- known-issues: #60330
-- source: QUEUED belongs to the worker that the scheduler chose; the Execution API refuses `/run` only in another state
-- needs: commits, operations, lives
-- exercised-by: first starts that were answered
-- min-exercised: 50
-- cut-off: a start without an answer does not count
-- because: a defect that takes a queued try away shows about once in some tens of tries
-- sentence: {scheduler} handed {subject} (try {try_number}) to worker {worker}, and its start was refused with
--   {status}[ {reason}][ (found {found_state:state})]{explanation}.

-- exercised
SELECT count(*) FROM operations WHERE kind = 'run' AND attempt = 1 AND status IS NOT NULL;

-- violations
SELECT *, ended_ms AS at_ms, ended_ms - handed_ms AS severity, [op] AS operations, [seq] AS commits,
  coalesce(
    CASE WHEN status IN (401, 403) THEN 'token'
      WHEN by_first_worker THEN 'stuck in queued' END,
    writer_role || ' set ' || coalesce(state, 'none'), 'found ' || found_state, reason,
    'unknown writer') AS variant,
  CASE
    WHEN status IN (401, 403) THEN ': the token that came with it was not accepted'
    WHEN seq IS NULL THEN '; no commit explains it'
    ELSE format('; {} had {} {} before', coalesce(writer, 'an unknown process'),
      CASE WHEN change = 'delete' THEN 'deleted it' ELSE 'set it to ' || state_name(state) END,
      seconds(ended_ms - committed_ms))
  END AS explanation
FROM refused_starts;
