import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
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
