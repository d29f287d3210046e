-- One row: a committed row change (`seq`) and the statement (`n`) that made it. Only of a traced run.
-- The commit stream knows the statement's backend and the beginning of its message; the last one that was sent before
-- the commit is it. Both clocks are of one machine.
CREATE OR REPLACE VIEW written_by AS
WITH writes AS (
  SELECT n, pid, statements.text, sent_ms, target
  FROM statements JOIN statement_kinds USING (kind) WHERE statements.text IS NOT NULL
), messages AS (
  SELECT DISTINCT pid, text, sent_ms FROM writes
), sent AS (
  SELECT seq, relation, messages.pid, messages.text, messages.sent_ms
  FROM (SELECT seq, relation, writer_pid, statement, committed_ms + 20 AS until_ms FROM commits) AS change
  ASOF JOIN messages
    ON change.writer_pid = messages.pid AND change.statement = messages.text AND change.until_ms >= messages.sent_ms
)
-- Of several statements in one message the first that writes the table; of a deletion that reaches further, any.
SELECT seq, coalesce(min(n) FILTER (target = relation), min(n)) AS n
FROM sent JOIN writes USING (pid, text, sent_ms) GROUP BY seq;

-- One row: a statement (`n`) and the request (`op`) that it served: those of each transaction that committed something
-- which the request carried out. Only of a traced run.
CREATE OR REPLACE VIEW served AS
WITH serving AS (
  SELECT DISTINCT statements.process, statements.pid, statements.tx, carried_out.op
  FROM carried_out JOIN written_by USING (seq) JOIN statements USING (n)
)
SELECT statements.n, serving.op FROM serving JOIN statements USING (process, pid, tx);

-- One row: how complete the trace is, compared with what PostgreSQL counted and with what was committed.
CREATE OR REPLACE VIEW trace_completeness AS
SELECT
  (SELECT max(value)::BIGINT FROM samples WHERE metric = 'statements_traced') AS traced,
  (SELECT max(value)::BIGINT FROM samples WHERE metric = 'statements_counted') AS counted,
  count(*) AS changes, count(n) AS with_statement
FROM commits LEFT JOIN written_by USING (seq)
WHERE (SELECT count(*) FROM statements) > 0 AND writer NOT LIKE 'wt-harness%';
