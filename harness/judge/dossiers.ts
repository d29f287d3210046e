import { groupBy } from '../model/group-by.ts';
import type { Deadlock, DeadlockOutcome, DeadlockSide } from '../model/verdict.ts';
import type { OpenRun, Row } from './open-run.ts';
import { numberOrNull } from './summary.ts';

/** Of each kind. A long run of a broken build has hundreds of thousands of deadlocks, of which the kinds matter. */
const MOST_LISTED = 500;

/** The deadlocks with their sides, what each did for whom, and what came of the request that it failed. */
export async function readDeadlocks(run: OpenRun): Promise<Deadlock[]> {
  const rows = await run.rows(`
    SELECT *, CASE WHEN place = ${MOST_LISTED} THEN of_kind - place ELSE 0 END AS left_out
    FROM (
      SELECT *, row_number() OVER (PARTITION BY fingerprint ORDER BY at_ms, deadlock) AS place,
        count(*) OVER (PARTITION BY fingerprint) AS of_kind
      FROM dossiers
    )
    WHERE place <= ${MOST_LISTED} ORDER BY at_ms, deadlock`);
  const listed = rows.map((row) => Number(row.deadlock)).join(', ');
  const sides = groupBy(
    await run.rows(
      `FROM deadlock_sides WHERE deadlock IN (SELECT unnest([${listed}]::BIGINT[])) ORDER BY deadlock, place`,
    ),
    (row) => Number(row.deadlock),
  );
  return rows.map((row) => ({
    at_ms: Number(row.at_ms),
    sides: (sides.get(Number(row.deadlock)) ?? []).map(sideOf),
    fingerprint: String(row.fingerprint),
    operation: numberOrNull(row, 'operation'),
    explained: row.is_explained === true,
    outcome: row.operation === null ? null : outcomeOf(row),
    died_ms: numberOrNull(row, 'died_ms'),
    left_out: Number(row.left_out),
  }));
}

function sideOf(row: Row): DeadlockSide {
  const relation = textOrNull(row, 'waits_relation');
  const key = textOrNull(row, 'waits_row');
  return {
    pid: Number(row.pid),
    process: String(row.process),
    statement: String(row.statement),
    action: textOrNull(row, 'action'),
    subject: textOrNull(row, 'subject'),
    operation: numberOrNull(row, 'op'),
    xid: numberOrNull(row, 'xid'),
    xact_started_ms: numberOrNull(row, 'xact_started_ms'),
    lock: textOrNull(row, 'lock'),
    waits_for: relation === null ? null : key === null ? `a row of ${relation}` : `${relation} ${key}`,
    blocked_by: numberOrNull(row, 'blocker'),
    waited_from_ms: numberOrNull(row, 'waited_from_ms'),
  };
}

function outcomeOf(row: Row): DeadlockOutcome {
  return {
    status: numberOrNull(row, 'status'),
    answered_ms: numberOrNull(row, 'answered_ms'),
    retry_operation: numberOrNull(row, 'retry'),
    retry_ms: numberOrNull(row, 'retry_ms'),
    retry_status: numberOrNull(row, 'retry_status'),
    state: textOrNull(row, 'end_state'),
    state_ms: numberOrNull(row, 'end_ms'),
    commit: numberOrNull(row, 'end_commit'),
  };
}

function textOrNull(row: Row, name: string): string | null {
  const value = row[name];
  return typeof value === 'string' ? value : null;
}
