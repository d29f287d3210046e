import type { DuckDBConnection } from '@duckdb/node-api';

import { type ClockReading, type ClockStretch, clockStretches } from '../model/clock-offset.ts';

/** The columns with times of PostgreSQL, and in which rows. */
const TIMES: Readonly<Record<string, { readonly columns: readonly string[]; readonly where?: string }>> = {
  commits: { columns: ['committed_ms'] },
  server_log: { columns: ['at_ms'], where: "source = 'postgres'" },
  lock_waits: { columns: ['waiting_since_ms', 'xact_started_ms'] },
};
const DATABASE = 'postgres';

/** By the source of the readings: `postgres`, or the name of a k6. */
export type Clocks = ReadonlyMap<string, readonly ClockStretch[]>;

/** The stretches of each clock that a run has read, from the table `samples`. None in a run of before clocks were. */
export async function readStretches(connection: DuckDBConnection): Promise<Clocks> {
  const found = await connection.runAndReadAll(`
    SELECT source, at_ms, max(value) FILTER (metric = 'clock_offset_ms') AS offset_ms,
      max(value) FILTER (metric = 'clock_round_trip_ms') AS round_trip_ms
    FROM samples WHERE metric IN ('clock_offset_ms', 'clock_round_trip_ms')
    GROUP BY source, at_ms HAVING offset_ms IS NOT NULL AND round_trip_ms IS NOT NULL
    ORDER BY source, at_ms`);
  const readings = new Map<string, ClockReading[]>();
  for (const row of found.getRowObjectsJS()) {
    const source = String(row.source);
    const ofSource = readings.get(source) ?? [];
    readings.set(source, ofSource);
    ofSource.push({
      atMs: Number(row.at_ms),
      offsetMs: Number(row.offset_ms),
      roundTripMs: Number(row.round_trip_ms),
    });
  }
  return new Map([...readings].map(([source, ofSource]) => [source, clockStretches(ofSource)]));
}

/** A table as it is, or with its times of PostgreSQL put on the run's clock. */
export function onRunClock(table: string, select: string, clocks: Clocks): string {
  const times = TIMES[table];
  const stretches = clocks.get(DATABASE) ?? [];
  if (!times || stretches.every(({ offsetMs }) => offsetMs === 0)) return select;
  const replaced = times.columns.map((column) => {
    const moved = `${column} - ${offsetOf(column, stretches)}`;
    return `${times.where ? `CASE WHEN ${times.where} THEN ${moved} ELSE ${column} END` : moved} AS ${column}`;
  });
  return `SELECT * REPLACE (${replaced.join(', ')}) FROM (${select})`;
}

/** What to subtract from a time that the other clock gave. Where it was set back, that may be of two stretches. */
function offsetOf(time: string, stretches: readonly ClockStretch[]): string {
  const cases = stretches
    .toReversed()
    .filter(({ fromMs }) => Number.isFinite(fromMs))
    .map(({ fromMs, offsetMs }) => `WHEN ${time} >= ${fromMs + offsetMs} THEN ${offsetMs}`);
  const first = stretches[0]?.offsetMs ?? 0;
  return cases.length === 0 ? `(${first})` : `(CASE ${cases.join(' ')} ELSE ${first} END)`;
}

/** `clock_stretches`: a row for each stretch of each clock. */
export async function createStretchTable(connection: DuckDBConnection, clocks: Clocks): Promise<void> {
  const rows = [...clocks].flatMap(([source, stretches]) => stretches.map((stretch) => ({ source, ...stretch })));
  await connection.run(
    `CREATE OR REPLACE TABLE clock_stretches AS
     SELECT source, fromMs AS from_ms, untilMs AS until_ms, offsetMs AS offset_ms, uncertaintyMs AS uncertainty_ms
     FROM (SELECT unnest(stretch) FROM (SELECT unnest(from_json($1, $2)) AS stretch))`,
    [
      // JSON has no infinity: of the first stretch `from_ms` is NULL, of the last one `until_ms`.
      JSON.stringify(rows),
      '[{"source": "VARCHAR", "fromMs": "DOUBLE", "untilMs": "DOUBLE", "offsetMs": "DOUBLE", ' +
        '"uncertaintyMs": "DOUBLE"}]',
    ],
  );
}
