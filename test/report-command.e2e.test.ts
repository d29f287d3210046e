import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import { writeLiteralRun } from '../harness/testing/literal-run.ts';
import { windtunnel } from './airflow.ts';

let run: { folder: string; remove(): void };
let cwd: string;
/** Each starts the program, and most judge a run. */
vi.setConfig({ testTimeout: 120_000 });

beforeAll(() => {
  cwd = mkdtempSync(path.join(tmpdir(), 'windtunnel-report-'));
  run = writeLiteralRun({
    operations: [{ reason: 'a "quoted", text\nof two lines' }, { outcome: 'refused', status: 409 }],
    lives: [{}],
    commits: [{ state: 'running', row: { pid: 7 } }],
    finals: { dag: [{ dag_id: 'wt_dag', is_paused: true }] },
  });
});
afterAll(() => {
  run.remove();
  rmSync(cwd, { recursive: true, force: true });
});

const DOCUMENTS: readonly [format: string, file: string, begins: RegExp][] = [
  ['markdown', 'report.md', /^# UNKNOWN: airflow@3\.2\.1, scenario literal/],
  ['junit', 'junit.xml', /^<\?xml version="1.0" encoding="UTF-8"\?>\n<testsuites/],
];

test.each(DOCUMENTS)(
  'report --format %s prints that document alone, which %s holds, too',
  async (format, file, begins) => {
    const { code, stdout } = await windtunnel(['report', run.folder, '--format', format], cwd);
    expect(code).toBe(0);
    expect(stdout).toMatch(begins);
    expect(stdout).toBe(readFileSync(path.join(run.folder, file), 'utf8'));
  },
);

test('report --out writes it there and says where', async () => {
  const { stdout } = await windtunnel(['report', run.folder, '--format', 'junit', '--out', 'ci/junit.xml'], cwd);
  expect(stdout).toBe(`${path.join(cwd, 'ci', 'junit.xml')}\n`);
  expect(readFileSync(path.join(cwd, 'ci', 'junit.xml'), 'utf8')).toContain('<testsuites');
});

test.each(['csv', 'parquet'])('report --format %s writes every table that was recorded, whole', async (format) => {
  const out = path.join(cwd, format);
  const { code, stdout } = await windtunnel(['report', run.folder, '--format', format, '--out', out], cwd);
  expect(code).toBe(0);
  const files = ['operations', 'lives', 'commits', 'final_dag'].map((name) => `${name}.${format}`);
  expect(readdirSync(out).sort()).toEqual(files.toSorted());
  expect(stdout.trimEnd().split('\n').sort()).toEqual(files.map((name) => path.join(out, name)).sort());
  const database = await DuckDBInstance.create(':memory:');
  const connection = await database.connect();
  const result = await connection.runAndReadAll(`FROM '${path.join(out, `operations.${format}`)}' ORDER BY op`);
  const rows = result.getRowObjectsJS();
  expect(rows.map(({ op, status }) => [Number(op), Number(status)])).toEqual([
    [1, 200],
    [2, 409],
  ]);
  expect(rows[0]?.reason).toBe('a "quoted", text\nof two lines');
  connection.closeSync();
  database.closeSync();
});

test('the run folder itself is not where its tables are written to', async () => {
  const { code, stderr } = await windtunnel(['report', run.folder, '--format', 'parquet', '--out', run.folder], cwd);
  expect(code).toBe(2);
  expect(stderr).toMatch(/is the run folder itself, whose tables must stay as they are/);
});

test('report --open gives the page to the browser, and says so if there is none', async () => {
  const browser = path.join(cwd, 'browser');
  writeFileSync(browser, `#!/bin/sh\nprintf %s "$1" > "${cwd}/opened"\n`);
  chmodSync(browser, 0o755);
  const { code } = await windtunnel(['report', run.folder, '--open'], cwd, { BROWSER: browser });
  expect(code).toBe(0);
  expect(readFileSync(path.join(cwd, 'opened'), 'utf8')).toBe(path.join(run.folder, 'report.html'));
  const none = await windtunnel(['report', run.folder, '--open'], cwd, { BROWSER: path.join(cwd, 'none') });
  expect(none.code).toBe(2);
  expect(none.stderr).toMatch(
    /There is no \S+none here to open it with: name a program in BROWSER, or open \S+report\.html/,
  );
  expect(existsSync(path.join(run.folder, 'report.html'))).toBe(true);
});
