import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { DuckDBInstance } from '@duckdb/node-api';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { openRun } from '../harness/judge/open-run.ts';
import { literalManifest } from '../harness/testing/literal-run.ts';
import { convertRun } from './convert-run.ts';

let scratch: string;
let from: string;
let to: string;

beforeEach(() => {
  scratch = mkdtempSync(path.join(tmpdir(), 'wt-test-'));
  [from, to] = [path.join(scratch, 'old'), path.join(scratch, 'new')];
  mkdirSync(path.join(from, 'raw'), { recursive: true });
});

afterEach(() => rmSync(scratch, { recursive: true, force: true }));

const HABITS = { rtif: 1, rtif_twice: 0, xcom: 0, lost_answer: 0, fails: 0, silent_death: 0, defers: 0, stranger: 0.5 };

function writeManifest(format: number): void {
  const { plan, ...manifest } = literalManifest({});
  const { scenario } = plan;
  const old = {
    ...manifest,
    format,
    build: 'reference+start-by-stranger',
    plan: {
      ...plan,
      scenario: {
        ...scenario,
        fleet: { ...scenario.fleet, habits: HABITS },
        aims: ['strangers-are-refused', 'a-superseded-try-is-told'],
      },
      faults: [
        { fault: 'strangers', victim: 'fleet', at_ms: 1, for_ms: 2, with: {} },
        { fault: 'storm', victim: 'fleet', at_ms: 1, for_ms: 2, with: { mischief: 'stampede_end' } },
      ],
    },
  };
  writeFileSync(path.join(from, 'manifest.json'), JSON.stringify(old));
}

/** What format 2 stored of two requests, an operator's and a life's: columns as its writer packed them. */
const PACKED = `
  SELECT * FROM (VALUES
    (71, 'life', 5, 'stranger_run', 70, 200, 71319773, 519, 208916, 'w-5-stranger', 'a8aea8ba', NULL, 'x life ~',
      '01a201ea-378f-7dbf-846e-39ec19b14f2b'::UUID, NULL),
    (72, 'life', 5, 'heartbeat', NULL, 204, 71320000, 0, 1000, NULL, NULL, 'odd', NULL, NULL, 'ti-1'))
  AS t(op, actor, life, kind, twin, status, sent_us, late_us, took_us, other_worker, correlation, other_correlation_id,
    asked, ti_id_uuid, other_ti_id)`;

async function writeParquet(sql: string, file: string): Promise<void> {
  const database = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await database.connect();
  await connection.run(`COPY (${sql}) TO '${path.join(from, file)}' (FORMAT parquet)`);
  connection.closeSync();
  database.closeSync();
}

async function converted(sql: string): Promise<unknown[]> {
  const run = await openRun(to);
  try {
    return await run.rows(sql);
  } finally {
    await run.close();
  }
}

test('packed columns, former names and former values of format 2 become those of today', async () => {
  writeManifest(2);
  await writeParquet(PACKED, 'operations.parquet');
  await writeParquet(
    'SELECT 7 AS life, NULL::VARCHAR AS other_worker, 5 AS copy_of, 1500 AS started_us',
    'lives.parquet',
  );
  await writeParquet(
    `SELECT 1 AS seq, 2500 AS committed_us, '{"hostname":"w-5-stranger"}'::JSON AS "row"`,
    'commits.parquet',
  );
  await writeParquet(
    `SELECT fault, row_number() OVER () AS "window", 1000 + 1000 * row_number() OVER () AS opened_us, NULL AS closed_us
      FROM (SELECT unnest(['strangers', 'storm', 'wire-cut', 'skewed-clocks']) AS fault)`,
    'faults.parquet',
  );
  await writeParquet(`SELECT '3' AS id, 'wt_dag' AS dag_id`, 'final_backfill.parquet');
  mkdirSync(path.join(from, 'logs'));
  writeFileSync(path.join(from, 'logs', 'scheduler-1.log'), 'a line');
  await convertRun(from, to);
  const columns = 'op, kind, duplicate_of, worker, intended_ms, sent_ms, ended_ms, correlation_id, requested, ti_id';
  expect(await converted(`SELECT ${columns} FROM operations ORDER BY op`)).toEqual([
    {
      op: 71,
      kind: 'impostor_run',
      duplicate_of: 70,
      worker: 'w-5-impostor',
      intended_ms: 71319.254,
      sent_ms: 71319.773,
      ended_ms: 71528.689,
      correlation_id: 'a8aea8ba-71',
      requested: 'x life 5',
      ti_id: '01a201ea-378f-7dbf-846e-39ec19b14f2b',
    },
    {
      op: 72,
      kind: 'heartbeat',
      duplicate_of: null,
      worker: 'w-5',
      intended_ms: 71320,
      sent_ms: 71320,
      ended_ms: 71321,
      correlation_id: 'odd',
      requested: null,
      ti_id: 'ti-1',
    },
  ]);
  expect(await converted('SELECT worker, duplicate_of, started_ms FROM lives')).toEqual([
    { worker: 'w-7', duplicate_of: 5, started_ms: 1.5 },
  ]);
  expect(await converted(`SELECT committed_ms, "row" ->> '$.hostname' AS host FROM commits`)).toEqual([
    { committed_ms: 2.5, host: 'w-5-impostor' },
  ]);
  expect(await converted('SELECT * EXCLUDE (closed_ms, detail) FROM faults ORDER BY opened_ms')).toMatchObject([
    { fault: 'impostors', opened_ms: 2, cuts_connections: false, skews_clocks: false },
    { fault: 'thundering-herd', opened_ms: 3, cuts_connections: false, skews_clocks: false },
    { fault: 'wire-cut', opened_ms: 4, cuts_connections: true, skews_clocks: false },
    { fault: 'skewed-clocks', opened_ms: 5, cuts_connections: false, skews_clocks: true },
  ]);
  expect(await converted('SELECT id, dag_id FROM final_backfill')).toEqual([{ id: '3', dag_id: 'wt_dag' }]);
  expect(readFileSync(path.join(to, 'logs', 'scheduler-1.log'), 'utf8')).toBe('a line');
  expect(JSON.parse(readFileSync(path.join(to, 'manifest.json'), 'utf8'))).toMatchObject({
    format: 3,
    build: 'reference+start-by-impostor',
    plan: {
      scenario: {
        aims: ['impostors-are-refused', 'a-superseded-try-is-refused'],
        fleet: { habits: { impostor: 0.5 } },
      },
      faults: [{ fault: 'impostors' }, { fault: 'thundering-herd', with: { misbehaviour: 'herd_end' } }],
    },
  });
});

test('a run that was not closed has its lines, and what had been compacted of them, once', async () => {
  writeManifest(1);
  const lines = (ops: readonly number[]) =>
    ops.map((op) => `${JSON.stringify({ op, kind: 'stranger_heartbeat', twin: op - 1, sent_ms: op / 8 })}\n`).join('');
  await writeParquet('SELECT 1 AS op UNION ALL SELECT 2', 'raw/operations.1.parquet');
  writeFileSync(path.join(from, 'raw', 'operations.ndjson'), lines([1, 2]));
  writeFileSync(path.join(from, 'raw', 'operations.2.ndjson'), `${lines([3, 4])}{"op":5,"ki`);
  writeFileSync(path.join(from, 'raw', 'final_dag.ndjson'), '{"dag_id":"wt_dag","is_paused":true}\n');
  await convertRun(from, to);
  expect(await converted('SELECT op, kind, duplicate_of, sent_ms FROM operations ORDER BY op')).toEqual([
    { op: 1, kind: null, duplicate_of: null, sent_ms: null },
    { op: 2, kind: null, duplicate_of: null, sent_ms: null },
    { op: 3, kind: 'impostor_heartbeat', duplicate_of: 2, sent_ms: 0.375 },
    { op: 4, kind: 'impostor_heartbeat', duplicate_of: 3, sent_ms: 0.5 },
  ]);
  expect(await converted('SELECT dag_id, is_paused FROM final_dag')).toEqual([{ dag_id: 'wt_dag', is_paused: 'true' }]);
});

test('what is no run of an old format, or would be overwritten, is refused in one sentence', async () => {
  await expect(convertRun(scratch, to)).rejects.toThrow(/ is not a run folder: it has no manifest\.json\.$/);
  writeManifest(3);
  await expect(convertRun(from, to)).rejects.toThrow(/ is of format 3: only runs of format 1 and 2 are converted\.$/);
  writeManifest(2);
  cpSync(from, to, { recursive: true });
  await expect(convertRun(from, to)).rejects.toThrow(/ is not empty: name a folder that does not exist yet\.$/);
});
