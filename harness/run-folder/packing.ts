import { TABLES, type TableName } from '../model/tables.ts';
import { identifier } from './files.ts';

/** SQL, by the column that it gives. */
type Expressions = Readonly<Record<string, string>>;

/**
 * Columns of a table that a Parquet file keeps as others, which take less room. A file holds either all of `stored` or
 * the columns themselves: where `unpack` would not give each value back, that file is not packed (`lossless`).
 */
export interface Packing {
  readonly stored: Expressions;
  readonly unpack: Expressions;
}

/**
 * Times are thousandths of a millisecond, and no DOUBLE but a whole number of them has digits that repeat. Counted from
 * when the request was sent, its other two times are short.
 */
const TIMES: Packing = {
  stored: {
    sent_us: micros('sent_ms'),
    late_us: `try(${micros('sent_ms')} - ${micros('intended_ms')})`,
    took_us: `try(${micros('ended_ms')} - ${micros('sent_ms')})`,
  },
  unpack: {
    intended_ms: 'CAST(sent_us - late_us AS DOUBLE) / 1000',
    sent_ms: 'CAST(sent_us AS DOUBLE) / 1000',
    ended_ms: 'CAST(sent_us + took_us AS DOUBLE) / 1000',
  },
};

/** A life's worker is named after it. */
const WORKER: Packing = {
  stored: { other_worker: "nullif(worker, 'w-' || life)" },
  unpack: { worker: "coalesce(other_worker, 'w-' || life)" },
};

/** A request's id in the server's log is the run's and the request's number. */
const CORRELATION: Packing = {
  stored: {
    correlation: "CASE WHEN correlation_id = left(correlation_id, 8) || '-' || op THEN left(correlation_id, 8) END",
    other_correlation_id:
      "CASE WHEN correlation_id = left(correlation_id, 8) || '-' || op THEN NULL ELSE correlation_id END",
  },
  unpack: { correlation_id: "coalesce(other_correlation_id, correlation || '-' || op)" },
};

/** What a life writes says which life it was. */
const REQUESTED: Packing = {
  stored: { asked: "CASE WHEN life IS NULL THEN requested ELSE replace(requested, 'life ' || life, 'life ~') END" },
  unpack: { requested: "CASE WHEN life IS NULL THEN asked ELSE replace(asked, 'life ~', 'life ' || life) END" },
};

const PACKINGS: Readonly<Record<TableName, readonly Packing[]>> = {
  operations: [TIMES, WORKER, CORRELATION, REQUESTED, uuid('ti_id')],
  lives: [WORKER, uuid('ti_id'), time('handed_ms'), time('started_ms'), time('ended_ms')],
  commits: [time('committed_ms'), uuid('id'), uuid('old_id')],
  server_log: [time('at_ms')],
  faults: [time('opened_ms'), time('closed_ms')],
  samples: [time('at_ms')],
  backends: [time('at_ms')],
  lock_waits: [time('at_ms'), time('waiting_since_ms'), time('xact_started_ms')],
};

/**
 * In what order a segment is written. What the requests of a life share, its ids above all, is stored once where they lie
 * together. Nobody reads a table for the order of its rows.
 */
export const ORDER: Partial<Record<TableName, string>> = {
  operations: 'life, op',
  lives: 'life',
};

export function packingsOf(table: TableName): readonly Packing[] {
  return PACKINGS[table];
}

/** A SELECT of one row that says of each packing whether it gives each value of `rows` back. */
export function lossless(packings: readonly Packing[], rows: string): string {
  const checks = packings.map(({ stored, unpack }, index) => {
    const there = Object.entries(unpack).map(
      ([column, expression]) => `(${substituted(expression, stored)}) IS NOT DISTINCT FROM ${identifier(column)}`,
    );
    return `coalesce(bool_and(${there.join(' AND ')}), true) AS packing_${index}`;
  });
  return `SELECT ${[...checks, 'count(*) AS rows'].join(', ')} FROM ${rows}`;
}

/** The columns of a table as a file with these packings has them. */
export function packed(table: TableName, packings: readonly Packing[]): string {
  const replaced = new Set(packings.flatMap(({ unpack }) => Object.keys(unpack)));
  const kept = Object.keys(TABLES[table]).filter((column) => !replaced.has(column));
  const stored = packings.flatMap((packing) => Object.entries(packing.stored));
  return [...kept.map(identifier), ...stored.map(([name, expression]) => `${expression} AS ${identifier(name)}`)].join(
    ', ',
  );
}

/** The columns of a table, read from a file with the columns `there`. What an older writer did not have is NULL. */
export function unpacked(table: TableName, there: ReadonlySet<string>): string {
  const used = packingsOf(table).filter(({ stored }) => Object.keys(stored).every((column) => there.has(column)));
  const expressions: Expressions = Object.assign({}, ...used.map(({ unpack }) => unpack));
  return Object.entries(TABLES[table])
    .map(([column, type]) => {
      const name = identifier(column);
      if (there.has(column)) return name;
      // Names of before `duplicate_of`.
      const former = column === 'duplicate_of' ? ['twin', 'copy_of'].find((one) => there.has(one)) : undefined;
      return `${former ?? expressions[column] ?? `NULL::${type}`} AS ${name}`;
    })
    .join(', ');
}

function micros(column: string): string {
  return `try_cast(round(${column} * 1000) AS BIGINT)`;
}

function time(column: string): Packing {
  const stored = column.replace(/_ms$/, '_us');
  return { stored: { [stored]: micros(column) }, unpack: { [column]: `CAST(${stored} AS DOUBLE) / 1000` } };
}

/** Sixteen bytes for each that is one; whatever else there may be stays text. */
function uuid(column: string): Packing {
  const value = `try_cast(${column} AS UUID)`;
  const isOne = `CAST(${value} AS VARCHAR) = ${column}`;
  return {
    stored: {
      [`${column}_uuid`]: `CASE WHEN ${isOne} THEN ${value} END`,
      [`other_${column}`]: `CASE WHEN ${isOne} THEN NULL ELSE ${column} END`,
    },
    unpack: { [column]: `coalesce(CAST(${column}_uuid AS VARCHAR), other_${column})` },
  };
}

/** `unpack` straight from the table, as if it had been stored. */
function substituted(expression: string, stored: Expressions): string {
  return expression.replace(/\b[a-z_]+\b/g, (word) => (word in stored ? `(${stored[word]})` : word));
}
