import { OPERATION_KINDS } from '../model/operation.ts';
import type { AnswerClass, ConflictCount, LatencySummary, RefusalCount, TimelinePoint } from '../model/verdict.ts';
import type { OpenRun, Row } from './open-run.ts';

/** The numbers of a run. Kinds that never met a 409 or a 5xx count 0, so that two runs can be laid side by side. */
export async function readCounts(run: OpenRun, violations: number): Promise<Record<string, number>> {
  const perKind = OPERATION_KINDS.flatMap((kind) => [
    `sum(n) FILTER (status = 409 AND kind = '${kind}') AS http_409_${kind}`,
    `sum(n) FILTER (status >= 500 AND kind = '${kind}') AS http_5xx_${kind}`,
  ]);
  const rows = await Promise.all([
    // Grouped first: there are millions of operations, and some tens of their kinds and answers.
    run.row(`
      SELECT sum(n) AS operations, sum(n) FILTER (outcome = 'ok') AS ok,
        sum(n) FILTER (outcome = 'refused') AS refused, sum(n) FILTER (outcome = 'unknown') AS "unknown",
        sum(n) FILTER (status = 404) AS http_404, sum(n) FILTER (status = 409) AS http_409,
        sum(n) FILTER (status = 410) AS http_410, sum(n) FILTER (status >= 500) AS http_5xx, ${perKind.join(', ')}
      FROM (SELECT kind, outcome, status, count(*) AS n FROM operations GROUP BY ALL)`),
    // PostgreSQL's own count includes deadlocks that are missing in its log. On a target it has those of others, too.
    run.row(`
      SELECT greatest((SELECT count(*) FROM deadlocks WHERE origin = 'stack'),
        (SELECT max(value) FROM samples, manifest WHERE metric = 'deadlocks' AND NOT coalesce(used_by_others, false))
      )::BIGINT AS deadlocks`),
    run.row(`SELECT count(*) AS lives, count(*) FILTER (lives.end = 'reported') AS lives_reported FROM lives`),
    run.row(`
      SELECT count(*) AS commits,
        count(DISTINCT id) FILTER (relation = 'dag_run' AND change = 'insert') AS dag_runs,
        count(DISTINCT id) FILTER (relation = 'backfill' AND change = 'insert') AS backfills
      FROM commits`),
    run.row(`
      SELECT count(*) AS task_instances_finished FROM task_instance_changes
      WHERE is_end_state(state) AND NOT is_end_state(old_state)`),
    run.row(`
      SELECT count(*) FILTER (settled <> 'open') AS unknown_settled, count(*) FILTER (settled = 'open') AS unknown_open
      FROM settled`),
    run.row('SELECT count(*) FILTER (is_explained) AS deadlocks_explained FROM dossiers'),
    run.row(`
      SELECT count(*) FILTER (class = 'unclassified') AS refusals_unclassified,
        count(*) FILTER (class = 'wrong' AND status < 500) AS refusals_wrong
      FROM refusal_classes`),
  ]);
  const numbers = Object.entries(Object.assign({}, ...rows)).map(([name, value]) => [name, Number(value)]);
  return { ...Object.fromEntries(numbers), violations };
}

export async function readRefusals(run: OpenRun): Promise<RefusalCount[]> {
  const rows = await run.rows(
    'SELECT * FROM refusals ORDER BY "count" DESC, kind, status, reason, found_state, replay',
  );
  return rows.map((row) => ({
    status: Number(row.status),
    kind: String(row.kind),
    reason: String(row.reason),
    found_state: String(row.found_state),
    replay: row.replay === true,
    count: Number(row.count),
  }));
}

export async function readConflicts(run: OpenRun, loadSeconds: number): Promise<ConflictCount[]> {
  const rows = await run.rows(`
    SELECT kind, found_state, reason, sum("count") AS n, sum(violations) AS of_violations
    FROM conflicts GROUP BY ALL ORDER BY n DESC, kind, found_state, reason`);
  return rows.map((row) => ({
    kind: String(row.kind),
    found_state: String(row.found_state),
    reason: String(row.reason),
    count: Number(row.n),
    per_minute: loadSeconds > 0 ? (Number(row.n) * 60) / loadSeconds : null,
    violations: Number(row.of_violations),
  }));
}

export async function readClasses(run: OpenRun): Promise<AnswerClass[]> {
  const rows = await run.rows(`
    SELECT status, kind, coalesce(reason, '') AS reason, coalesce(found_state, '') AS found_state, class,
      count(*) AS n, min(op) AS example, arg_min(explanation, op) AS explanation,
      -- In a list, because arg_min leaves NULLs out and would return the cause of another row.
      arg_min([cause_op, cause_commit], op) AS causes
    FROM (SELECT op, class, explanation, cause_op, cause_commit FROM refusal_classes) JOIN operations USING (op)
    GROUP BY ALL ORDER BY n DESC, kind, status, reason, found_state, class`);
  return rows.map((row) => {
    const [operation = null, commit = null] = Array.isArray(row.causes) ? row.causes : [];
    return {
      status: Number(row.status),
      kind: String(row.kind),
      reason: String(row.reason),
      found_state: String(row.found_state),
      class: String(row.class),
      count: Number(row.n),
      example: Number(row.example),
      explanation: String(row.explanation),
      cause_operation: operation === null ? null : Number(operation),
      cause_commit: commit === null ? null : Number(commit),
    };
  });
}

export async function readLatency(run: OpenRun): Promise<LatencySummary[]> {
  const rows = await run.rows(`
    SELECT kind, count(*) AS n, quantile_cont(took_ms, [0.5, 0.95, 0.99]) AS quantiles, max(took_ms) AS longest
    FROM (SELECT kind, ended_ms - intended_ms AS took_ms FROM operations WHERE ended_ms IS NOT NULL)
    GROUP BY kind ORDER BY kind`);
  return rows.map((row) => {
    const [p50, p95, p99] = Array.isArray(row.quantiles) ? row.quantiles : [];
    return {
      kind: String(row.kind),
      count: Number(row.n),
      p50_ms: Number(p50),
      p95_ms: Number(p95),
      p99_ms: Number(p99),
      max_ms: Number(row.longest),
    };
  });
}

/** More than a day: single seconds of a longer run are not of use, and a damaged manifest may claim any length. */
const MOST_SECONDS = 100_000;

/** A point for every second of load, also for those in which nothing happened. */
export async function readTimeline(run: OpenRun): Promise<TimelinePoint[]> {
  const rows = await run.rows(`
    WITH seconds AS (
      SELECT unnest(range(0,
        least(greatest(ceil((load_ended_ms - load_started_ms) / 1000), 0), ${MOST_SECONDS})::BIGINT)) AS second
      FROM load
    ), requests AS (
      SELECT whole((sent_ms - load_started_ms) / 1000) AS second, count(*) AS requests,
        count(*) FILTER (status = 409) AS http_409, count(*) FILTER (status >= 500) AS http_5xx
      FROM operations, load GROUP BY ALL
    ), locked AS (
      SELECT whole((at_ms - load_started_ms) / 1000) AS second, count(*) AS deadlocks
      FROM deadlocks, load GROUP BY ALL
    ), living AS (
      SELECT whole((at_ms - load_started_ms) / 1000) AS second, arg_max(value, at_ms) AS live
      FROM samples, load WHERE metric = 'live_lives' GROUP BY ALL
    )
    SELECT * FROM seconds
    LEFT JOIN requests USING (second) LEFT JOIN locked USING (second) LEFT JOIN living USING (second)
    ORDER BY second`);
  return rows.map((row) => ({
    second: Number(row.second),
    requests: Number(row.requests ?? 0),
    http_409: Number(row.http_409 ?? 0),
    http_5xx: Number(row.http_5xx ?? 0),
    deadlocks: Number(row.deadlocks ?? 0),
    live: numberOrNull(row, 'live'),
  }));
}

export async function readLoad(run: OpenRun): Promise<{ startedMs: number; seconds: number }> {
  const { load_started_ms, load_ended_ms } = await run.row('FROM load');
  const startedMs = Number(load_started_ms ?? 0);
  return { startedMs, seconds: Math.max(0, Number(load_ended_ms ?? 0) - startedMs) / 1000 };
}

/** Between the first and the last reading during the load, of all processors together. */
export async function readHarnessCpuShare(run: OpenRun): Promise<number | null> {
  const row = await run.row(`
    WITH readings AS (
      SELECT at_ms, value FROM samples, load
      WHERE source = 'harness' AND metric = 'cpu_s' AND at_ms BETWEEN load_started_ms AND load_ended_ms
    ), machine AS (
      SELECT max(value) AS cpus FROM samples WHERE source = 'machine' AND metric = 'cpus'
    )
    SELECT (max(value) - min(value)) / nullif((max(at_ms) - min(at_ms)) / 1000 * any_value(cpus), 0) AS share
    FROM readings, machine`);
  return numberOrNull(row, 'share');
}

export function numberOrNull(row: Row, name: string): number | null {
  const value = row[name];
  return typeof value === 'number' ? value : null;
}
