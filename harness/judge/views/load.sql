-- One row: when the load ran. A harness that was killed never wrote its end: then it is the last answer that came.
CREATE VIEW load AS
SELECT
  coalesce(manifest.load_started_ms, seen.first_ms, 0) AS load_started_ms,
  coalesce(manifest.load_ended_ms, manifest.ended_ms, seen.last_ms, manifest.load_started_ms, 0) AS load_ended_ms
FROM manifest
CROSS JOIN (SELECT min(sent_ms) AS first_ms, max(coalesce(ended_ms, sent_ms)) AS last_ms FROM operations) AS seen;
