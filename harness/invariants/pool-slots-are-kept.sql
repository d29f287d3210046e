-- claim: Task instances that are QUEUED or RUNNING never take more slots than their pool has.
-- title: More tasks ran or were queued at once than their pool has slots
-- source: a pool's `slots`; schedulers count them under a lock that one of them holds at a time
-- needs: commits
-- exercised-by: tasks that were queued into the last free slot
-- min-exercised: 20
-- cut-off: each queueing is judged as it is committed
-- because: a scheduler that counts wrongly, or while another one counts, exceeds the limit as soon as it is reached
-- sentence: {writer} took {steps} slots more, so that {held_after} task instances were QUEUED or RUNNING at once in a
--   pool of {most} slots; the last one was {subject}.

-- given
CREATE TEMP TABLE taken AS FROM occupancy('pool');

-- exercised
FROM taken SELECT coalesce(sum(taking), 0) WHERE is_last AND steps > 0 AND held_after >= most;

-- violations
FROM taken SELECT *, held_after - most AS severity WHERE is_last AND steps > 0 AND held_after > most;
