-- One row: until when every request that was sent is on record. A request is written down when it has ended, so a harness
-- that was killed has not written down what it had under way; one that ended by itself knows all of them.
CREATE VIEW requests_known AS
SELECT CASE WHEN manifest.ended IS NOT NULL THEN 'infinity'::DOUBLE ELSE last_ms - request_timeout_ms END AS until_ms
FROM manifest CROSS JOIN plan CROSS JOIN (SELECT max(ended_ms) AS last_ms FROM operations);
