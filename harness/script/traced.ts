import type { OpenRun, Row } from '../judge/open-run.ts';
import type { RowKey, Seen, StatementKind, Touch, Verb } from '../model/seen.ts';

/** A statement of a traced run, as the director sees one. */
export interface TracedStatement {
  readonly n: number;
  readonly seen: Seen;
  readonly sentMs: number;
  /** Infinity where its connection broke before there was an answer. */
  readonly answeredMs: number;
}

const KEYS = ['id', 'dag_id', 'run_id', 'task_id', 'map_index', 'ti_id', 'dag_run_id', 'backfill_id'] as const;
/** Of a transaction that creates thousands of runs, those nearest to what is asked for. */
const MOST_STATEMENTS = 4_000;

/**
 * The statements of the transactions that `which` chooses: a SELECT of `process, pid, tx`. In their order; `ends` are
 * the last that are read of each connection, by which a large transaction is cut.
 */
export async function tracedStatements(
  run: OpenRun,
  which: string,
  ends: readonly number[],
): Promise<TracedStatement[]> {
  const rows = await run.rows(`
    WITH chosen AS (
      SELECT statements.*, row_number() OVER (PARTITION BY process, pid ORDER BY n DESC) AS place_from_end
      FROM statements SEMI JOIN (${which}) AS which USING (process, pid, tx)
      WHERE n <= ${Math.max(...ends)}
    ), touched AS (
      SELECT n, list(accesses ORDER BY mode) AS touches FROM accesses SEMI JOIN chosen USING (n) GROUP BY n
    )
    SELECT chosen.* EXCLUDE (text), chosen.text AS message, verb, target, "tables", locks, lock_mode, waits, counted,
      set_columns, where_columns, upserts, statement_kinds.text AS kind_text, touches
    FROM chosen JOIN statement_kinds USING (kind) LEFT JOIN touched USING (n)
    WHERE place_from_end <= ${MOST_STATEMENTS} ORDER BY n`);
  const before = new Map<string, Seen[]>();
  return rows.map((row) => {
    const key = `${row.process} ${row.pid} ${row.tx}`;
    const earlier = before.get(key) ?? [];
    const seen = seenOf(row, [...earlier]);
    // What failed has done nothing, and BEGIN nothing that a script could name.
    if (row.sqlstate === null && seen.kind.verb !== 'begin') before.set(key, [...earlier, seen]);
    return {
      n: Number(row.n),
      seen,
      sentMs: Number(row.sent_ms),
      answeredMs: row.answered_ms === null ? Infinity : Number(row.answered_ms),
    };
  });
}

function seenOf(row: Row, before: readonly Seen[]): Seen {
  const touches = (Array.isArray(row.touches) ? row.touches : []).flatMap(touchOf);
  const message = textOf(row.message);
  const kind = kindOfRow(row);
  const sqlstate = row.sqlstate === null ? {} : { sqlstate: textOf(row.sqlstate) };
  const [, state] = /\bstate ?= ?'(\w+)'/.exec(message) ?? [];
  return {
    process: textOf(row.process),
    pid: Number(row.pid),
    application: textOf(row.process),
    text: message,
    message,
    kind,
    conditions:
      state === undefined || kind.target === undefined
        ? []
        : [{ clause: 'set', relation: kind.target, column: 'state', operator: '=', values: [state] }],
    packet: Number(row.packet),
    tx: Number(row.tx),
    place: Number(row.place),
    before,
    answer: row.answered_ms === null ? undefined : { keys: touches.map(({ row: key }) => key), ...sqlstate },
    touches,
  };
}

function kindOfRow(row: Row): StatementKind {
  return {
    text: textOf(row.kind_text),
    verb: textOf(row.verb) as Verb,
    tables: wordsIn(row.tables),
    ...(row.target === null ? {} : { target: textOf(row.target) }),
    locks: wordsIn(row.locks),
    ...(row.lock_mode === null ? {} : { lockMode: textOf(row.lock_mode) }),
    counted: wordsIn(row.counted),
    set: wordsIn(row.set_columns),
    where: wordsIn(row.where_columns),
    upserts: row.upserts === true,
  };
}

function touchOf(cell: unknown): Touch[] {
  if (typeof cell !== 'object' || cell === null) return [];
  const access = cell as Row;
  const columns = Object.fromEntries(
    KEYS.flatMap((name) => (access[name] === null || access[name] === undefined ? [] : [[name, textOf(access[name])]])),
  );
  const row: RowKey = { relation: textOf(access.relation), columns };
  return [{ mode: textOf(access.mode) as Touch['mode'], row }];
}

function wordsIn(cell: unknown): string[] {
  return textOf(cell)
    .split(' ')
    .filter((word) => word !== '');
}

function textOf(cell: unknown): string {
  return cell === null || cell === undefined ? '' : String(cell);
}
