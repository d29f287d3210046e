-- Labels that may distinguish the victims: `facts`, one row for each try that a worker played (`unit` = 'tries',
-- `member` its life) and for each DAG run that was started ('DAG runs', `member` its dag_run id), with its labels in
-- words. Labels apply to victims and others alike, from the same moments, and are no consequence of a violation (such
-- as a request that is sent again after a 500): that would distinguish every victim, and explain none. Not of every
-- try: of the victims, and of as many others as are compared with them.
CREATE TEMP TABLE tries AS
FROM lives
QUALIFY life::VARCHAR IN (SELECT member FROM victims WHERE unit = 'tries')
  OR row_number() OVER (ORDER BY hash(life::VARCHAR)) <= $most + (SELECT count(*) FROM victims);

CREATE TEMP TABLE facts AS
WITH run_types AS (
  SELECT dag_id, run_id, any_value("row" ->> 'run_type') AS run_type FROM commits
  WHERE relation = 'dag_run' AND change <> 'delete' GROUP BY ALL
), rules AS (
  SELECT dag_id, unnest(tasks, recursive := true) FROM plan_dags
), started_by AS (
  SELECT ti_id, any_value(regexp_replace(writer, '^wt-', '')) AS api
  FROM task_instance_changes SEMI JOIN tries USING (ti_id)
  WHERE state = 'running' AND old_state IS DISTINCT FROM 'running' GROUP BY ti_id
), requests AS (
  SELECT life,
    bool_or(duplicate_of IS NOT NULL AND kind = 'rtif') AS rtif_twice,
    -- Lost by the harness on purpose: never what the server did.
    list(DISTINCT format('the answer to its {} was lost',
      CASE kind WHEN 'run' THEN 'start' WHEN 'state' THEN 'end report'
      ELSE kind END)) FILTER (cause = 'answer-dropped') AS lost,
    min(sent_ms) FILTER (kind = 'state') AS reported_ms, max(ended_ms) FILTER (kind = 'state') AS answered_ms
  FROM operations SEMI JOIN tries USING (life) WHERE life IS NOT NULL AND kind NOT LIKE 'impostor%' GROUP BY life
), new_versions AS (
  SELECT dag_id, committed_ms FROM commits
  WHERE relation = 'dag_version' AND change = 'insert' AND try_cast("row" ->> 'version_number' AS INTEGER) > 1
), renewed AS (
  -- 2 s: within them a scheduler has taken the new version over into the tasks that wait.
  SELECT DISTINCT lives.life
  FROM tries AS lives JOIN requests USING (life) JOIN new_versions USING (dag_id)
  WHERE committed_ms BETWEEN reported_ms - 2000 AND coalesce(answered_ms, reported_ms) + clock_tolerance_ms()
), skipped AS (
  SELECT DISTINCT lives.life
  FROM tries AS lives JOIN skips USING (dag_id, run_id, task_id)
  WHERE skips.ended_ms >= lives.handed_ms AND skips.sent_ms <= lives.ended_ms + clock_tolerance_ms()
), operated AS (
  SELECT DISTINCT lives.life
  FROM tries AS lives JOIN operator_actions AS action USING (dag_id, run_id)
  WHERE coalesce(action.ended_ms, action.sent_ms) >= lives.handed_ms AND action.sent_ms <= lives.ended_ms
), under_fault AS (
  SELECT life, list(DISTINCT format('during the fault {} of {}', fault, victim)) AS labels
  FROM tries AS lives JOIN fault_windows ON opened_ms <= lives.ended_ms
    AND coalesce(closed_ms, 'infinity') >= lives.handed_ms
  GROUP BY life
), crowds AS (
  -- How many worked when it was handed over.
  SELECT life, live FROM (
    SELECT life, sum(step) OVER (ORDER BY at_ms, step, life) AS live, step
    FROM (SELECT life, handed_ms AS at_ms, 1 AS step FROM lives UNION ALL SELECT life, ended_ms, -1 FROM lives)
  ) WHERE step = 1
), thirds AS (
  SELECT quantile_cont(live, 2 / 3) AS many FROM crowds
)
SELECT 'tries' AS unit, lives.life::VARCHAR AS member, list_filter([
  CASE WHEN skipped.life IS NOT NULL THEN 'named by a branch’s skip while it was handed over or ran' END,
  CASE WHEN renewed.life IS NOT NULL
    THEN 'its DAG got a new version while it reported its end, or within 2 s before' END,
  CASE WHEN operated.life IS NOT NULL THEN 'an operator cleared or marked in its DAG run during the try' END,
  CASE WHEN requests.rtif_twice THEN 'wrote its rendered fields twice, concurrently' END,
  CASE WHEN lives.end = 'never-started' THEN 'its worker was lost before it started' END,
  CASE WHEN lives.end = 'silent' THEN 'its worker died without a report' END,
  CASE WHEN true THEN format('task {}', lives.task_id) END,
  CASE WHEN rules.trigger_rule IS NOT NULL THEN format('trigger rule {}', rules.trigger_rule) END,
  CASE WHEN true THEN format('DAG {}', lives.dag_id) END,
  CASE WHEN run_types.run_type IS NOT NULL THEN format('DAG run of type {}', run_types.run_type) END,
  CASE WHEN lives.try_number > 1 THEN 'a second or later try' END,
  CASE WHEN true THEN format('handed over by {}', regexp_replace(lives.scheduler, '^wt-', '')) END,
  CASE WHEN started_by.api IS NOT NULL THEN format('started through {}', started_by.api) END,
  CASE WHEN crowds.live > thirds.many THEN format('handed over while more than {:.0f} others worked', thirds.many) END,
  CASE WHEN lives.handed_ms < load_started_ms + (load_ended_ms - load_started_ms) / 3
    THEN 'handed over in the first third of the load' END,
  CASE WHEN lives.handed_ms > load_ended_ms - (load_ended_ms - load_started_ms) / 3
    THEN 'handed over in the last third of the load' END
], label -> label IS NOT NULL) || coalesce(requests.lost, []) || coalesce(under_fault.labels, []) AS labels
FROM tries AS lives CROSS JOIN load CROSS JOIN thirds
LEFT JOIN crowds USING (life) LEFT JOIN requests USING (life)
LEFT JOIN renewed USING (life) LEFT JOIN skipped USING (life) LEFT JOIN operated USING (life)
LEFT JOIN under_fault USING (life)
LEFT JOIN rules ON rules.dag_id = lives.dag_id AND rules.task_id = lives.task_id
LEFT JOIN run_types ON run_types.dag_id = lives.dag_id AND run_types.run_id = lives.run_id
LEFT JOIN started_by ON started_by.ti_id = lives.ti_id;

INSERT INTO facts
WITH starts AS (
  SELECT
    dag_run_id, dag_id, committed_ms, regexp_replace(writer, '^wt-', '') AS writer, run_type,
    lag(writer) OVER same_dag AS before_writer, lag(committed_ms) OVER same_dag AS before_ms
  FROM dag_run_changes
  WHERE state = 'running' AND old_state IS DISTINCT FROM 'running'
  WINDOW same_dag AS (PARTITION BY dag_id ORDER BY seq)
  -- A run that is cleared starts again: its first start is the one that is compared.
  QUALIFY row_number() OVER (PARTITION BY dag_run_id ORDER BY seq) = 1
)
SELECT 'DAG runs', dag_run_id, list_filter([
  CASE WHEN 'wt-' || writer <> before_writer AND committed_ms - before_ms <= at_once_ms()
    THEN 'started within a second after another process had started a run of the same DAG' END,
  CASE WHEN writer IS NOT NULL THEN format('started by {}', writer) END,
  CASE WHEN run_type IS NOT NULL THEN format('of type {}', run_type) END,
  CASE WHEN dag_id IS NOT NULL THEN format('DAG {}', dag_id) END,
  CASE WHEN committed_ms < load_started_ms + (load_ended_ms - load_started_ms) / 3
    THEN 'started in the first third of the load' END,
  CASE WHEN committed_ms > load_ended_ms - (load_ended_ms - load_started_ms) / 3
    THEN 'started in the last third of the load' END,
  CASE WHEN EXISTS (FROM fault_windows
    WHERE committed_ms BETWEEN opened_ms - clock_tolerance_ms()
      AND coalesce(closed_ms, 'infinity') + clock_tolerance_ms())
    THEN 'started while a fault was open' END
], label -> label IS NOT NULL)
FROM starts CROSS JOIN load;
