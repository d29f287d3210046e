/**
 * Judges stored runs as if the clock of their database had been off, from the beginning or from the middle of the load.
 *
 *     node --import ./bin/typescript.mjs scripts/moved-clocks.ts RUN …
 *     node --import ./bin/typescript.mjs scripts/moved-clocks.ts RUN … --off 0.5,-0.5,2,-2 --seed 1
 *
 * All times of PostgreSQL in a copy of the run are moved, and the readings are added that a run would have recorded:
 * one a second, with a round trip of 1 to 40 ms of which the way back takes any part. What is off from the beginning
 * must leave each finding as it is. After a step each invariant must say what it said, or `unknown`. Else the exit code
 * is 1.
 */
import { cpSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { DuckDBInstance } from '@duckdb/node-api';

import { judge } from '../harness/judge/judge.ts';
import { Rng } from '../harness/model/rng.ts';
import type { Judgement } from '../harness/model/verdict.ts';
import { literal, parquetFile } from '../harness/run-folder/files.ts';
import { readManifest } from '../harness/run-folder/manifest.ts';
import { type RunTable, runTables } from '../harness/run-folder/reader.ts';
import { flagsOf } from './flags.ts';

const { values, positionals } = flagsOf({
  allowPositionals: true,
  options: {
    off: { type: 'string', default: '0.5,-0.5,2,-2' },
    seed: { type: 'string', default: '1' },
  },
});

/** A clock that is `offMs` ahead from this moment on. */
interface Move {
  readonly offMs: number;
  readonly fromMs: number;
}

/** The columns with times of PostgreSQL, as the moved clock had them. */
const TIMES: Readonly<Record<string, (move: Move) => string[]>> = {
  commits: (move) => [later('committed_ms', move)],
  server_log: (move) => [later('at_ms', move, "source = 'postgres'")],
  lock_waits: (move) => [later('waiting_since_ms', move), later('xact_started_ms', move)],
};

function later(column: string, { offMs, fromMs }: Move, where = 'true'): string {
  return `CASE WHEN ${where} AND ${column} >= ${fromMs} THEN ${column} + ${offMs} ELSE ${column} END AS ${column}`;
}

/** A copy of a run of which the database had another clock. */
async function moved(run: string, move: Move, rng: Rng): Promise<string> {
  const folder = mkdtempSync(path.join(tmpdir(), 'windtunnel-moved-'));
  cpSync(run, folder, { recursive: true });
  const { ended_ms, load_ended_ms } = await readManifest(folder);
  const database = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await database.connect();
  try {
    const write = async (table: RunTable, select: string) => {
      const file = parquetFile(folder, table.name);
      await connection.run(`COPY (${select}) TO ${literal(`${file}.next`)} (FORMAT parquet)`);
      renameSync(`${file}.next`, file);
    };
    for (const table of await runTables(connection, folder)) {
      const columns = TIMES[table.name];
      if (table.source === null) continue;
      if (columns) await write(table, `SELECT * REPLACE (${columns(move).join(', ')}) FROM (${table.select})`);
      if (table.name !== 'samples') continue;
      const readings = madeReadings(move, rng, ended_ms ?? load_ended_ms ?? 0).map((row) => `(${row.join(', ')})`);
      await write(table, `${table.select} UNION ALL FROM (VALUES ${readings.join(', ')})`);
    }
  } finally {
    connection.closeSync();
    database.closeSync();
  }
  return folder;
}

/** One a second, each with the part of its round trip that came before the answer. */
function madeReadings({ offMs, fromMs }: Move, rng: Rng, untilMs: number): (string | number)[][] {
  const rows: (string | number)[][] = [];
  for (let atMs = 0; atMs <= untilMs; atMs += 1_000) {
    const roundTripMs = 1 + 39 * rng.next();
    const offsetMs = (atMs >= fromMs ? offMs : 0) + (rng.next() - 0.5) * roundTripMs;
    rows.push([atMs, "'postgres'", "'clock_offset_ms'", offsetMs]);
    rows.push([atMs, "'postgres'", "'clock_round_trip_ms'", roundTripMs]);
  }
  return rows;
}

/** What must stay: of each invariant its verdict and counts, and which findings there are. */
function essence({ verdict, invariants, findings }: Judgement): Map<string, string> {
  return new Map([
    ['verdict', verdict],
    ...invariants.map((one): [string, string] => [
      one.name,
      one.verdict === 'fail' ? `fail ${one.violations} ${JSON.stringify(one.variants)}` : one.verdict,
    ]),
    ['findings', JSON.stringify(findings.map(({ fingerprint, occurrences }) => [fingerprint, occurrences]))],
  ]);
}

let wrong = 0;
const rng = new Rng(Number(values.seed));
for (const run of positionals) {
  const { load_started_ms, load_ended_ms } = await readManifest(run);
  const middleMs = ((load_started_ms ?? 0) + (load_ended_ms ?? load_started_ms ?? 0)) / 2;
  const before = essence(await judge(run));
  for (const offMs of values.off.split(',').map((seconds) => 1_000 * Number(seconds))) {
    for (const fromMs of [0, middleMs]) {
      const folder = await moved(run, { offMs, fromMs: fromMs === 0 ? -1e12 : fromMs }, rng);
      const after = await judge(folder).finally(() => rmSync(folder, { recursive: true, force: true }));
      const stepped = fromMs !== 0;
      const changed = [...essence(after)].filter(([name, what]) => before.get(name) !== what);
      const bad = changed.filter(([name, what]) => !stepped || (what !== 'unknown' && name !== 'findings'));
      const clocks = after.assumptions.find(({ name }) => name === 'clocks-agree');
      const which = `${path.basename(run)} ${offMs > 0 ? '+' : ''}${offMs / 1000} s${stepped ? ' in mid-run' : ''}`;
      console.log(`${bad.length === 0 ? 'ok    ' : 'WRONG '} ${which}: ${clocks?.sentence} ${changed.length} changed`);
      for (const [name, what] of bad) console.log(`    ${name}: ${before.get(name)} → ${what}`);
      if (bad.length > 0) wrong++;
    }
  }
}
console.log(`${wrong} wrong`);
process.exitCode = wrong === 0 ? 0 : 1;
