-- One row: a worker's report that broke in the database and that the API server committed as FAILED instead, as its log
-- says, under the id that the request brought.
CREATE VIEW taken_as_failure AS
SELECT op, ti_id, requested, sent_ms, min(logged.at_ms) AS at_ms
FROM (
  SELECT at_ms, regexp_extract(message, 'correlation_id=([0-9a-f-]+)', 1) AS correlation_id
  FROM server_log WHERE source LIKE 'api-%' AND message LIKE '%Setting the task to failed%'
) AS logged JOIN operations USING (correlation_id)
GROUP BY ALL;
