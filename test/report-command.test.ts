import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { writeLiteralRun } from '../harness/testing/literal-run.ts';
import { callInProcess } from './in-process.ts';

let run: { folder: string; remove(): void };
let cwd: string;
beforeAll(() => {
  cwd = mkdtempSync(path.join(tmpdir(), 'windtunnel-report-'));
  run = writeLiteralRun({
    operations: [{}, { outcome: 'refused', status: 409 }],
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
    const { code, stdout } = await callInProcess(['report', run.folder, '--format', format], cwd);
    expect(code).toBe(0);
    expect(stdout).toMatch(begins);
    expect(stdout).toBe(readFileSync(path.join(run.folder, file), 'utf8'));
  },
);

test('report --out writes it there and says where', async () => {
  const { stdout } = await callInProcess(['report', run.folder, '--format', 'junit', '--out', 'ci/junit.xml'], cwd);
  expect(stdout).toBe(`${path.join(cwd, 'ci', 'junit.xml')}\n`);
  expect(readFileSync(path.join(cwd, 'ci', 'junit.xml'), 'utf8')).toContain('<testsuites');
});

test('report --open gives the page to the browser, and says so if there is none', async () => {
  const browser = path.join(cwd, 'browser');
  writeFileSync(browser, `#!/bin/sh\nprintf %s "$1" > "${cwd}/opened"\n`);
  chmodSync(browser, 0o755);
  const { code } = await callInProcess(['report', run.folder, '--open'], cwd, { BROWSER: browser });
  expect(code).toBe(0);
  expect(readFileSync(path.join(cwd, 'opened'), 'utf8')).toBe(path.join(run.folder, 'report.html'));
  const none = await callInProcess(['report', run.folder, '--open'], cwd, { BROWSER: path.join(cwd, 'none') });
  expect(none.code).toBe(2);
  expect(none.stderr).toMatch(/\S+none was not found: set BROWSER to a program, or open \S+report\.html/);
  expect(existsSync(path.join(run.folder, 'report.html'))).toBe(true);
});
