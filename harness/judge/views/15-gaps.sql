-- One row: a table of the record that lacks rows, since when, and which. The harness notes it itself: a log that it
-- could not read any more, a transaction that was too large, a copy of Airflow's tables that took too long.
CREATE OR REPLACE VIEW gaps AS
SELECT at_ms, regexp_extract(detail, '^gap in (\w+)$', 1) AS "table", message AS sentence
FROM server_log
WHERE source = 'harness' AND detail LIKE 'gap in %';
