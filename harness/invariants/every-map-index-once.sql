-- claim: A mapped task has one task instance for each of its values, no more and no fewer.
-- title: A mapped task did not get one task instance for each value
-- source: documentation on dynamic task mapping; `TaskMap`, `expand_mapped_literals` and
--   `_check_for_removed_or_restored` in models/dagrun.py: a literal list is expanded when the run is made
-- needs: commits
-- exercised-by: mapped tasks of runs that were created long enough before the end
-- min-exercised: 2
-- cut-off: a run that was created in the last seconds of the load does not count
-- because: an expansion that loses an index loses it in each run
-- sentence[missing]: {subject} is mapped over {mapped} values, and has no task instance for index {list}.
-- sentence[too many]: {subject} is mapped over {mapped} values, and has a task instance with index {list}, too.

-- given
CREATE TEMP TABLE expected AS
SELECT dag_id, run_id, task_id, mapped, created_ms
FROM (SELECT dag_id, unnest(tasks, recursive := true) FROM plan_dags) AS tasks
JOIN (
  SELECT any_value(dag_id) AS dag_id, any_value(run_id) AS run_id, min(committed_ms) AS created_ms
  FROM dag_run_changes GROUP BY dag_run_id HAVING arg_max(change, seq) <> 'delete'
) AS runs USING (dag_id)
CROSS JOIN load
-- The next scheduling decision for the run expands it at the latest.
WHERE mapped IS NOT NULL AND created_ms <= load_ended_ms - scheduler_bound_ms()
  AND NOT excused_delay(created_ms, created_ms + scheduler_bound_ms());

CREATE TEMP TABLE present AS
SELECT dag_id, run_id, task_id, map_index, min(seq) AS seq
FROM task_instance_changes GROUP BY ALL HAVING arg_max(change, seq) <> 'delete';

-- exercised
SELECT count(*) FROM expected;

-- violations
WITH indexes AS (
  SELECT *, unnest(range(mapped)) AS map_index FROM expected
), missing AS (
  SELECT dag_id, run_id, task_id, mapped, created_ms, list(map_index ORDER BY map_index) AS indexes
  FROM indexes ANTI JOIN present USING (dag_id, run_id, task_id, map_index) GROUP BY ALL
), extra AS (
  SELECT expected.*, list(present.map_index ORDER BY present.map_index) AS indexes, list(seq ORDER BY seq) AS seqs
  FROM expected JOIN present USING (dag_id, run_id, task_id)
  WHERE present.map_index NOT BETWEEN 0 AND mapped - 1 GROUP BY ALL
)
SELECT *, created_ms AS at_ms, 'missing' AS variant, len(indexes) AS severity,
  array_to_string(indexes[:10], ', ') AS list
FROM missing
UNION ALL BY NAME
SELECT * REPLACE (seqs[:10] AS seqs), created_ms AS at_ms, 'too many' AS variant, len(indexes) AS severity,
  array_to_string(indexes[:10], ', ') AS list
FROM extra;
