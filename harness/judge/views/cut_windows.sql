-- One row: a window in which connections to the database were cut, refused or lost, and whose: NULL, all of them. A transaction
-- that is cut fails, and whoever runs it may say so (5xx) or end. For two seconds longer: a statement that was under
-- way at the end of the window, or a connection that had been cut before it was used again.
CREATE VIEW cut_windows AS
SELECT "window", fault, opened_ms, until_ms + 2000 AS until_ms, nullif(victim, 'postgres') AS process
FROM fault_windows
WHERE fault IN ('kill-backend', 'terminate-connections', 'restart-postgres', 'exhaust-connections',
  'wire-cut', 'wire-reset', 'lost-commit', 'lost-commit-answer');
