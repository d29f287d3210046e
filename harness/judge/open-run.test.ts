import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';

import { UsageError } from '../model/errors.ts';
import { FINAL_TABLES, TABLES } from '../model/tables.ts';
import { closeTables } from '../run-folder/close.ts';
import { type LiteralRun, literalManifest, writeLiteralRun } from '../testing/literal-run.ts';
import { type Cell, openRun } from './open-run.ts';
import { queryRun } from './query-run.ts';

async function answerOf(
  folder: string,
  sql: string,
): Promise<{ columns: readonly string[]; rows: (readonly Cell[])[] }> {
  const all: { columns: readonly string[]; rows: (readonly Cell[])[] } = { columns: [], rows: [] };
  for await (const { columns, rows } of queryRun(folder, sql)) {
    all.columns = columns;
    all.rows.push(...rows);
  }
  return all;
}

const written: { remove(): void }[] = [];
afterEach(() => {
  for (const run of written.splice(0)) run.remove();
});

function write(run: LiteralRun): string {
  const literal = writeLiteralRun(run);
  written.push(literal);
  return literal.folder;
}

test('every table of the format can be queried, recorded or not', async () => {
  const run = await openRun(write({}));
  try {
    for (const table of [...Object.keys(TABLES), ...FINAL_TABLES.map((name) => `final_${name}`)]) {
      expect(await run.rows(`SELECT * FROM ${table}`)).toEqual([]);
    }
    expect(await run.row("SELECT source FROM recorded WHERE name = 'commits'")).toEqual({ source: null });
  } finally {
    await run.close();
  }
});

test('a last line cut off by kill -9 is left out, and the lines before it are kept', async () => {
  const folder = write({ operations: [{}, {}] });
  appendFileSync(path.join(folder, 'raw/operations.ndjson'), '{"op":3,"actor":"li');
  expect((await answerOf(folder, 'SELECT count(*), max(op) FROM operations')).rows).toEqual([[2, 2]]);
});

test('a table means the same before and after it was closed', async () => {
  const folder = write({
    operations: [{ requested: '{"bash_command":"echo \'<b>\'"}' }, { target: 'a b' }],
    commits: [{ state: 'running', row: { hostname: 'w "1"\n' } }],
    finals: { task_instance: [{ id: 'ti-1', dag_id: 'wt_dag', map_index: -1, conf: { a: [1] } }] },
  });
  appendFileSync(path.join(folder, 'raw/operations.ndjson'), '{"op":3,"actor":"li');
  const tables = ['operations', 'commits', 'final_task_instance', 'task_instance_changes'];
  const read = () => Promise.all(tables.map((table) => answerOf(folder, `SELECT * FROM ${table} ORDER BY ALL`)));
  const before = await read();
  await closeTables(folder);
  expect(readdirSync(path.join(folder, 'raw'))).toEqual([]);
  expect(existsSync(path.join(folder, 'operations.parquet'))).toBe(true);
  const after = await read();
  expect(after).toEqual(before);
  await closeTables(folder);
  expect(await read()).toEqual(before);
});

test("Airflow's own columns come as text, and those that a version lacks are NULL", async () => {
  const folder = write({ finals: { backfill: [{ id: 3, from_date: '2026-01-01T00:00:00Z', extra: { a: 1 } }] } });
  const { columns, rows } = await answerOf(folder, 'SELECT id, from_date, extra, completed_at FROM final_backfill');
  expect(columns).toEqual(['id', 'from_date', 'extra', 'completed_at']);
  expect(rows).toEqual([['3', '2026-01-01T00:00:00Z', '{"a":1}', null]]);
});

test('a run folder may have a name that is a pattern, or holds a quote', async () => {
  const folder = write({ operations: [{}] });
  const odd = path.join(tmpdir(), `wind'tunnel [a-z]? * ${process.pid}`);
  renameSync(folder, odd);
  written.push({ remove: () => rmSync(odd, { recursive: true, force: true }) });
  expect((await answerOf(odd, 'SELECT count(*) FROM operations')).rows).toEqual([[1]]);
  await closeTables(odd);
  expect((await answerOf(odd, 'SELECT count(*) FROM operations')).rows).toEqual([[1]]);
});

test('a task instance is followed over its new ids, and a delete over its id alone', async () => {
  const folder = write({
    commits: [
      { change: 'insert', id: 'ti-1', state: null },
      { id: 'ti-1', state: 'running' },
      { id: 'ti-2', old_id: 'ti-1', state: 'up_for_retry' },
      { change: 'delete', id: 'ti-2', dag_id: null, run_id: null, task_id: null, map_index: null },
    ],
  });
  const { rows } = await answerOf(
    folder,
    'SELECT old_ti_id, ti_id, old_state, state, task_id FROM task_instance_changes ORDER BY seq',
  );
  expect(rows).toEqual([
    [null, 'ti-1', null, null, 'task'],
    ['ti-1', 'ti-1', null, 'running', 'task'],
    ['ti-1', 'ti-2', 'running', 'up_for_retry', 'task'],
    ['ti-2', 'ti-2', 'up_for_retry', null, 'task'],
  ]);
});

test('when the harness was killed the load ended with the last answer', async () => {
  const folder = write({
    manifest: { load_started_ms: 500, load_ended_ms: null, ended_ms: null, ended: null },
    operations: [{ sent_ms: 1_000 }, { sent_ms: 8_000, ended_ms: 8_100 }],
  });
  expect((await answerOf(folder, 'FROM load')).rows).toEqual([[500, 8_100]]);
});

test.each([
  [
    'a folder that is not there',
    () => path.join(tmpdir(), 'no-such-run'),
    /is not a run folder \(no such file or folder/,
  ],
  ['a folder without a manifest', () => emptyFolder(), /is not a run folder/],
  ['a broken manifest', () => withManifest('{"format":'), /cannot be read as JSON/],
  ['a manifest of something else', () => withManifest('[1]'), /is not a windtunnel manifest/],
  ['a manifest of another format', () => withManifest({ ...literalManifest({}), format: 99 }), /is of format 99, and/],
  [
    'a run of an old format',
    () => withManifest({ ...literalManifest({}), format: 2 }),
    /is of format 2, and this windtunnel reads format 3: use the version that wrote it \(\S+\), or repeat the run/,
  ],
  [
    'a manifest without its plan',
    () => withManifest({ ...literalManifest({}), plan: {} }),
    /plan\.seed: must be a number, and is missing/,
  ],
  [
    'a manifest with parts of another kind',
    () => withManifest({ ...literalManifest({}), writers: 'me', identity: [], plan: { seed: '7', scenario: 1 } }),
    /identity: must be an object, .*plan\.seed: must be a number, .*plan\.scenario: .*writers: must be one of/,
  ],
  ['a folder with a link', () => withLink('final_xcom.parquet'), /final_xcom\.parquet: a link or a special file/],
  ['a folder with its lines elsewhere', () => withLink('raw'), /\/raw: a link or a special file, which no run/],
  ['a folder with a link among its lines', () => withLink('raw/final_xcom.ndjson'), /raw\/final_xcom\.ndjson: a link/],
])('%s gets one clear sentence', async (_case, folder, sentence) => {
  const refused = openRun(folder());
  await expect(refused).rejects.toBeInstanceOf(UsageError);
  await expect(refused).rejects.toThrow(sentence);
  await expect(refused).rejects.not.toThrow(/\n/);
});

test.each([
  ['SELEC 1', /^The SQL was not understood: Parser Error: syntax error at or near "SELEC"$/],
  ["SELECT 'a", /^The SQL was not understood: Parser Error: unterminated quoted string/],
  ['FROM operation', /^The SQL was not understood: Catalog Error: .* Did you mean "operations"\?$/],
  ['FROM nosuch_view_of(', /^The SQL was not understood: Parser Error/],
  ["SELECT error('boom')", /^The SQL was not understood: Invalid Input Error: boom$/],
  ['', /^The SQL has no statement: give one, such as /],
  [' -- only a comment', /^The SQL has no statement/],
  ['SELECT 1; SELECT 2', /^The SQL has 2 statements: give one at a time\.$/],
])('SQL that cannot be run is the user’s error, in one sentence: %s', async (sql, sentence) => {
  const refused = answerOf(write({}), sql);
  await expect(refused).rejects.toBeInstanceOf(UsageError);
  await expect(refused).rejects.toThrow(sentence);
  await expect(refused).rejects.not.toThrow(/\n/);
});

test('a table that was removed or damaged is no table without rows', async () => {
  const folder = write({ operations: [{ outcome: 'refused', status: 404 }], commits: [{ state: 'running' }] });
  await closeTables(folder);
  const file = path.join(folder, 'operations.parquet');
  const whole = readFileSync(file);
  writeFileSync(file, whole.subarray(0, whole.length / 2));
  const damaged = answerOf(folder, 'FROM commits');
  await expect(damaged).rejects.toThrow(/^The table operations of \S+ cannot be read \(.+\): it was damaged; repeat/);
  await expect(damaged).rejects.not.toThrow(/\n/);
  rmSync(file);
  const sentence = /has no operations\.parquet, which the SQL reads: it was removed; repeat the run\.$/;
  for (const sql of ['SELECT count(*) FROM operations', 'FROM refusals', 'SELECT * FROM Operations'])
    await expect(answerOf(folder, sql)).rejects.toThrow(sentence);
  expect((await answerOf(folder, 'SELECT count(*) FROM commits')).rows).toEqual([[1]]);
  expect((await answerOf(folder, 'SELECT count(*) FROM faults')).rows).toEqual([[0]]);
});

test('rows come as JSON can hold them', async () => {
  const { rows } = await answerOf(
    write({}),
    "SELECT 1::BIGINT, 9007199254740993, [1, 2], {'a': 1.5::DECIMAL(4, 2)}, TIMESTAMP '2026-01-01', NULL",
  );
  expect(JSON.parse(JSON.stringify(rows))).toEqual([
    [1, '9007199254740993', [1, 2], { a: 1.5 }, '2026-01-01T00:00:00.000Z', null],
  ]);
});

function emptyFolder(): string {
  const folder = write({});
  rmSync(path.join(folder, 'manifest.json'));
  return folder;
}

/** `name` leads to a folder with a secret, or to a file in it. */
function withLink(name: string): string {
  const folder = write({});
  const elsewhere = write({});
  const secret = path.join(elsewhere, 'secret.json');
  writeFileSync(secret, '{"password":"hunter2"}\n');
  rmSync(path.join(folder, name), { recursive: true, force: true });
  symlinkSync(name === 'raw' ? elsewhere : secret, path.join(folder, name));
  return folder;
}

function withManifest(manifest: unknown): string {
  const folder = write({});
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'manifest.json'), typeof manifest === 'string' ? manifest : JSON.stringify(manifest));
  return folder;
}
