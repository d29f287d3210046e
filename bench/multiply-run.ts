/**
 * A stored run multiplied: copies of it side by side, as many as a large installation would show at once, and one after
 * another. Every copy has ids of its own, so that every copy exercises each invariant. What the copies before it left
 * unfinished an operator has marked failed.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { Manifest } from '../harness/model/manifest.ts';
import { identifier, literal, parquetFile } from '../harness/run-folder/files.ts';
import { readManifest } from '../harness/run-folder/manifest.ts';
import { runTables } from '../harness/run-folder/reader.ts';

/** Copies at the same time: a run of a minute with 45 requests a second becomes one with two thousand. */
const SIDE_BY_SIDE = 50;
/** What a copy beside the first one shares with it. */
const OF_THE_MACHINE: readonly string[] = ['samples', 'backends', 'faults'];

/** Every table of the closed run `base` in the new folder `large`, as many times as `wanted` operations take. */
export async function multiplyRun(base: string, large: string, wanted: number): Promise<void> {
  mkdirSync(path.join(large, 'raw'), { recursive: true });
  const manifest = await readManifest(base);
  const database = await DuckDBInstance.create(':memory:', {
    memory_limit: '2GB',
    temp_directory: path.join(large, 'raw'),
  });
  const connection = await database.connect();
  try {
    const tables = await runTables(connection, base);
    for (const { name, select } of tables) await connection.run(`CREATE TABLE ${name} AS ${select}`);
    const periods = Math.ceil(wanted / (await count(connection, 'FROM operations')) / SIDE_BY_SIDE);
    const periodMs = (manifest.ended_ms ?? 0) + 1_000;
    await connection.run(markUnfinished(manifest));
    for (const { name, source } of tables) {
      if (source === null) continue;
      const columns = await connection.runAndReadAll(`DESCRIBE ${name}`);
      const names = columns.getRowObjectsJS().map((row) => String(row.column_name));
      const shifted = names.map((column) => shift(column, name, { periods, periodMs }));
      // The machine is one, whatever runs on it; and what is known of a DAG in the end is known once.
      const copies =
        name === 'final_dag'
          ? `range(${SIDE_BY_SIDE})`
          : `range(0, ${periods * SIDE_BY_SIDE}, ${OF_THE_MACHINE.includes(name) ? SIDE_BY_SIDE : 1})`;
      await connection.run(
        `COPY (SELECT ${shifted.join(', ')} FROM ${copies} AS copies(k), ${name} AS one)
         TO ${literal(parquetFile(large, name))} (FORMAT parquet, COMPRESSION zstd)`,
      );
    }
    writeFileSync(path.join(large, 'manifest.json'), JSON.stringify(longer(manifest, (periods - 1) * periodMs)));
  } finally {
    connection.closeSync();
    database.closeSync();
  }
}

/** The same DAGs would have their limits exceeded, and their runs' order mixed up, by the copies beside them. */
function longer(manifest: Manifest, laterMs: number): Manifest {
  const later = (ms: number | null) => (ms === null ? null : ms + laterMs);
  const { scenario } = manifest.plan;
  const dags = Array.from({ length: SIDE_BY_SIDE }, (_, copy) =>
    // Each copy has the same dates again.
    scenario.dags.map((dag) => ({ ...dag, schedule: null, dag_id: `${dag.dag_id}~${copy}` })),
  ).flat();
  return {
    ...manifest,
    plan: { ...manifest.plan, scenario: { ...scenario, dags } },
    load_ended_ms: later(manifest.load_ended_ms),
    ended_ms: later(manifest.ended_ms),
  };
}

/** Else what had not ended would wait, and count as running, until the last copy has ended. */
function markUnfinished({ load_ended_ms, ended_ms }: Manifest): string {
  const ended = "('success', 'failed', 'skipped', 'upstream_failed', 'removed')";
  return `
    INSERT INTO commits BY NAME
    SELECT * REPLACE (
      (SELECT max(seq) FROM commits) + row_number() OVER (ORDER BY relation, seq) AS seq,
      (SELECT max(xid) FROM commits) + 1 AS xid, 'update' AS change, NULL AS old_id,
      CASE relation WHEN 'backfill' THEN NULL ELSE 'failed' END AS state,
      CASE relation WHEN 'backfill' THEN json_merge_patch("row", '{"completed_at": "2026-12-31T00:00:00+00:00"}')
        ELSE "row" END AS "row",
      greatest((SELECT max(committed_ms) FROM commits), ${load_ended_ms ?? ended_ms ?? 0}) AS committed_ms,
      'wt-api-core-1' AS writer)
    FROM (
      FROM commits WHERE relation IN ('task_instance', 'dag_run', 'backfill')
      QUALIFY row_number() OVER (PARTITION BY relation, id ORDER BY seq DESC) = 1
        -- An id that a later try replaced is no more.
        AND (relation, id) NOT IN (SELECT relation, old_id FROM commits WHERE old_id IS NOT NULL)
    )
    WHERE change <> 'delete' AND coalesce(state NOT IN ${ended}, true) AND ("row" ->> 'completed_at') IS NULL;
    UPDATE final_task_instance SET state = 'failed' WHERE coalesce(state NOT IN ${ended}, true);
    UPDATE final_dag_run SET state = 'failed' WHERE coalesce(state NOT IN ${ended}, true);`;
}

interface Periods {
  readonly periods: number;
  readonly periodMs: number;
}

/** One column of a copy: later by whole periods, and with ids that no other copy has. */
function shift(column: string, table: string, time: Periods): string {
  const name = identifier(column);
  const as = `AS ${name}`;
  const period = `(k // ${SIDE_BY_SIDE})`;
  if (column.endsWith('_ms')) return `${name} + ${period} * ${time.periodMs} ${as}`;
  if (table === 'samples' && column === 'value') return `${value(period, time.periods - 1)} ${as}`;
  if (['op', 'life', 'seq', 'xid', 'window', 'backfill_id', 'dag_run_id', 'duplicate_of'].includes(column))
    return `${name} + k * 1000000 ${as}`;
  if (['id', 'old_id', 'ti_id', 'task_instance_id', 'trigger_id', 'correlation_id'].includes(column))
    return `${id(name)} ${as}`;
  if (column === 'target') return `CASE kind WHEN 'backfill' THEN ${id(name)} ELSE ${name} END ${as}`;
  if (table === 'server_log' && ['statement', 'detail', 'message'].includes(column)) return `${uuids(name)} ${as}`;
  if (column === 'run_id') return `${name} || '~' || k ${as}`;
  if (column === 'dag_id') return `${name} || '~' || (k % ${SIDE_BY_SIDE}) ${as}`;
  // A DAG has one run for each logical date.
  if (column === 'row' && table === 'commits') {
    const dated = `replace("row"::VARCHAR, '"logical_date":"2026', '"logical_date":"' || (2026 + ${period}))::JSON`;
    const ofRun = `json_merge_patch("row", json_object('dag_run_id', ${id(`("row" ->> '$.dag_run_id')`)}))`;
    return `CASE relation WHEN 'xcom' THEN ${ofRun} ELSE ${dated} END ${as}`;
  }
  return name;
}

/** Numbers stay numbers; of other ids the first eight digits are the copy's. */
function id(name: string): string {
  return `coalesce((try_cast(${name} AS BIGINT) + k * 1000000)::VARCHAR, ${uuids(`${name}::VARCHAR`)})`;
}

function uuids(text: string): string {
  return `regexp_replace(${text}, '[0-9a-f]{8}(-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})',
    format('{:08x}\\1', k), 'g')`;
}

/** Counters go on where the copies before ended; what the load makes is there as many times as there are copies. */
function value(period: string, last: number): string {
  return `CASE
    WHEN metric IN ('sent', 'handed', 'deadlocks') THEN ${SIDE_BY_SIDE} * (value + ${period} * (
      SELECT max(value) FROM samples AS other WHERE other.metric = one.metric AND other.source = one.source))
    WHEN metric IN ('cpu_s', 'backfill_checks') THEN value + ${period} * (
      SELECT max(value) FROM samples AS other WHERE other.metric = one.metric AND other.source = one.source)
    WHEN metric IN ('live_lives', 'requests_in_flight') THEN ${SIDE_BY_SIDE} * value
    WHEN metric = 'api_quiescent' AND ${period} < ${last} THEN 0
    ELSE value END`;
}

async function count(connection: DuckDBConnection, select: string): Promise<number> {
  const [row] = (await connection.runAndReadAll(`SELECT count(*) AS n FROM (${select})`)).getRowObjectsJS();
  return Number(row?.n ?? 0);
}
