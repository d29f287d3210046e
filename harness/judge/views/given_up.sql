-- One row: a commit by which a scheduler, or nobody knows who, took a task out of RUNNING. `silent_ms`: how long before that
-- the last sign of life had been sent to which the server had answered by then, NULL if there was none. A heartbeat that
-- the server is still at has not been heard.
CREATE VIEW given_up AS
SELECT taken.seq, taken.old_ti_id AS ti_id, taken.committed_ms, sign.op, taken.committed_ms - sign.sent_ms AS silent_ms
FROM left_running AS taken
ASOF LEFT JOIN signs_of_life AS sign ON sign.ti_id = taken.old_ti_id AND taken.committed_ms >= sign.heard_ms
WHERE coalesce(taken.writer_role = 'scheduler', true);
