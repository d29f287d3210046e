-- One row: a PostgreSQL backend that wrote for a process, from its first commit to its last.
CREATE VIEW writers AS
SELECT writer_pid AS pid, writer AS name, min(committed_ms) AS from_ms, max(committed_ms) AS until_ms
FROM commits WHERE writer <> '' AND writer_pid IS NOT NULL GROUP BY ALL;
