-- claim: Concurrent writes of a task instance's rendered fields are all accepted, and one row with an accepted value
--   remains, of the try that wrote last.
-- title: Rendered fields were refused, or differ from those that were written last
-- known-issues: #63581
-- source: issue #63581: the right answer is 201 to both; the real client treats 409 as fatal
-- needs: operations
-- exercised-by: pairs of first writes of one task instance that overlapped and were both answered
-- min-exercised: 20
-- cut-off: a write without an answer does not count; a row that an open write may still change is not judged
-- because: by hand, about one pair in three collided on 3.2.2 (81 refusals where 3.3.2 took some 250 pairs); twenty
--   pairs without a collision then have a probability of 1 in 3,000
-- without-clocks: writes are compared among themselves, and commits by their order
-- sentence: The rendered fields that worker {worker} wrote for {subject} were refused with 409[ ({said})][{other:if},
--   because another write of the same fields was under way]; the real client fails the task for that.
-- sentence[another try]: The rendered fields that worker {worker} wrote for {subject} were refused with 409[ ({said})],
--   because a write of another try was under way; the real client fails the task for that.
-- sentence[late write of an earlier try]: Try {late_try} of {subject}, held up in the server, replaced the rendered
--   fields «{last}», which try {next_try} had written {after_ms:seconds} before, by its own, «{found}».
-- sentence[value never written]: The rendered fields of {subject} are «{found}» at the end, a value that none of the
--   {accepted} accepted writes contains.
-- sentence[value of an earlier try]: The rendered fields of {subject} are «{found}» at the end, which an earlier try
--   had written; the last one wrote «{last}».

-- given
CREATE TEMP VIEW writes AS FROM operations WHERE kind = 'rtif';

-- exercised
WITH pairs AS (
  SELECT one.dag_id, one.run_id, one.task_id, one.map_index, least(one.sent_ms, other.sent_ms) AS sent_ms
  FROM writes AS one JOIN writes AS other ON other.duplicate_of = one.op AND other.op <> one.op
  WHERE one.sent_ms < other.ended_ms AND other.sent_ms < one.ended_ms
    -- A write that timed out may have been answered 409, which was not read.
    AND one.status IS NOT NULL AND other.status IS NOT NULL
)
SELECT count(*)
FROM pairs JOIN (
  -- A later pair finds a row, which every release can update.
  SELECT dag_id, run_id, task_id, map_index, min(sent_ms) AS sent_ms
  FROM writes SEMI JOIN pairs USING (dag_id, run_id, task_id, map_index) GROUP BY ALL
) AS firsts USING (dag_id, run_id, task_id, map_index, sent_ms);

-- violations
WITH refused AS (
  SELECT * FROM writes WHERE status = 409
), beside AS (
  SELECT refused.op, min(writes.op) AS other, bool_and(writes.ti_id <> refused.ti_id) AS of_another_try
  FROM refused JOIN writes USING (dag_id, run_id, task_id, map_index)
  WHERE writes.op <> refused.op AND writes.outcome <> 'refused'
    AND writes.sent_ms <= refused.ended_ms
    AND (writes.outcome = 'unknown' OR writes.ended_ms IS NULL OR writes.ended_ms >= refused.sent_ms)
  GROUP BY refused.op
), versions AS (
  SELECT dag_id, run_id, task_id, map_index, id, seq, committed_ms, field_of("row" -> '$.rendered_fields') AS field
  FROM commits WHERE relation = 'rendered_task_instance_fields' AND change <> 'delete'
  -- From 3.4 on each try has a row, with an id; before, all tries of a task have one.
  QUALIFY count(*) OVER (PARTITION BY dag_id, run_id, task_id, map_index, id) > 1
), texts AS (
  SELECT dag_id, run_id, task_id, map_index, field_of(try_cast(requested AS JSON)) AS field,
    max(try_number) AS try, min(op) AS op
  FROM writes SEMI JOIN versions USING (dag_id, run_id, task_id, map_index)
  GROUP BY ALL
  -- What two tries wrote in the same words does not show which of them it was.
  HAVING count(DISTINCT ti_id) = 1
), followed AS (
  SELECT *, lag(struct_pack(try, op, field, seq, committed_ms)) OVER (
    PARTITION BY dag_id, run_id, task_id, map_index, id ORDER BY seq) AS before
  FROM versions JOIN texts USING (dag_id, run_id, task_id, map_index, field)
), finals AS (
  SELECT dag_id, run_id, task_id, coalesce(map_index, -1) AS map_index, NULL AS seq,
    field_of(try_cast(rendered_fields AS JSON)) AS field
  FROM final_rendered_task_instance_fields
  UNION ALL
  -- Without a snapshot it is the last commit. A deleted row is not missing: Airflow keeps those of 30 runs.
  SELECT dag_id, run_id, task_id, map_index, seq, field_of("row" -> '$.rendered_fields')
  FROM commits
  WHERE relation = 'rendered_task_instance_fields'
    AND NOT EXISTS (FROM final_rendered_task_instance_fields)
  QUALIFY row_number() OVER (PARTITION BY dag_id, run_id, task_id, map_index ORDER BY seq DESC) = 1
    AND change <> 'delete'
), tried AS (
  SELECT *, CASE WHEN outcome = 'ok' THEN field_of(try_cast(requested AS JSON)) END AS field,
    last_value(ti_id) OVER (
      PARTITION BY dag_id, run_id, task_id, map_index ORDER BY outcome = 'ok', sent_ms
      ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS last_ti_id
  FROM writes
), suspect AS (
  -- Nearly all end with the value of their last try: only for the others all writes are compared.
  SELECT * FROM finals
  ANTI JOIN (SELECT * FROM tried WHERE outcome = 'ok' AND ti_id = last_ti_id) AS last_written
    USING (dag_id, run_id, task_id, map_index, field)
  WHERE field IS NOT NULL
), accepted AS (
  SELECT dag_id, run_id, task_id, map_index,
    list(DISTINCT field) FILTER (outcome = 'ok') AS fields,
    list(DISTINCT field) FILTER (outcome = 'ok' AND ti_id = last_ti_id) AS last_fields,
    list(op ORDER BY op) FILTER (outcome = 'ok') AS ops, max(ended_ms) AS ended_ms
  FROM tried SEMI JOIN suspect USING (dag_id, run_id, task_id, map_index)
  GROUP BY dag_id, run_id, task_id, map_index
  -- An unknown write may have been the last.
  HAVING count(*) FILTER (outcome = 'ok') > 0 AND count(*) FILTER (outcome = 'unknown') = 0
    -- So may a request that was open when the harness was killed.
    AND max(ended_ms) < (SELECT until_ms FROM requests_known)
)
SELECT *, ended_ms AS at_ms, ended_ms - sent_ms AS severity, shortened(coalesce(reason, message), 80) AS said,
  CASE
    WHEN duplicate_of IS NOT NULL THEN 'two at once'
    WHEN attempt > 1 THEN 'retry of a lost answer'
    WHEN of_another_try THEN 'another try'
    ELSE 'another write'
  END AS variant,
  [op, other] AS operations
FROM refused LEFT JOIN beside USING (op)
UNION ALL BY NAME
SELECT dag_id, run_id, task_id, map_index, committed_ms AS at_ms, 0 AS severity,
  'late write of an earlier try' AS variant, try AS late_try, before.try AS next_try,
  committed_ms - before.committed_ms AS after_ms, shortened(field, 80) AS found, shortened(before.field, 80) AS last,
  [op, before.op] AS operations, [before.seq, seq] AS commits
FROM followed
WHERE try < before.try
  -- A run that was deleted may be made again: its tasks begin with their first try.
  AND NOT EXISTS (
    FROM task_instance_changes AS made
    WHERE made.change = 'insert' AND made.dag_id = followed.dag_id AND made.run_id = followed.run_id
      AND made.task_id = followed.task_id AND made.map_index = followed.map_index
      AND made.seq BETWEEN before.seq AND followed.seq)
UNION ALL BY NAME
SELECT dag_id, run_id, task_id, map_index, ended_ms AS at_ms, 0 AS severity, shortened(finals.field, 80) AS found,
  CASE WHEN list_contains(fields, finals.field) THEN 'value of an earlier try'
    ELSE 'value never written' END AS variant,
  len(ops) AS accepted, shortened(last_fields[1], 80) AS last, ops[:10] AS operations, seq
FROM accepted JOIN suspect AS finals USING (dag_id, run_id, task_id, map_index)
WHERE NOT list_contains(fields, finals.field) OR NOT list_contains(last_fields, finals.field);
