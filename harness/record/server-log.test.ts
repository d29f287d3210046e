import { appendFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';
import type { LogSource } from '../model/stack.ts';
import { ServerLog } from './server-log.ts';

let folder: string;
let rows: object[];
const record = { append: (_: string, row: object) => rows.push(row), flush: async () => undefined, behindMs: 0 };
const clock = { startedAt: new Date(0), now: () => 5, fromWall: (ms: number) => ms };

beforeEach(() => {
  rows = [];
  folder = mkdtempSync(path.join(tmpdir(), 'wt-test-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('what a log lacks is in the record: a file that cannot be read, a line that is too long', () => {
  const source = (name: string): LogSource => ({
    source: name,
    file: path.join(folder, name),
    format: 'airflow',
    from: 'start',
  });
  mkdirSync(path.join(folder, 'scheduler-1'));
  appendFileSync(path.join(folder, 'api-1'), `2026 [error] ${'x'.repeat(2 << 20)}\n`);
  const log = new ServerLog([source('scheduler-1'), source('api-1')], record, clock);
  log.close();
  expect(rows.slice(1)).toEqual([
    {
      at_ms: 5,
      source: 'harness',
      severity: 'ERROR',
      message: 'the log of scheduler-1 could not be read any more: a folder, where a file is needed',
      detail: 'gap in server_log',
    },
    {
      at_ms: 5,
      source: 'harness',
      severity: 'WARNING',
      message: 'the log of api-1 has lines of more than 1 MB, which are cut',
    },
    { at_ms: 5, source: 'api-1', severity: 'ERROR', message: expect.stringMatching(/^x{60000}/) },
  ]);
});

test('a record of PostgreSQL that is too long to be read is a gap', () => {
  const file = path.join(folder, 'postgres.json');
  appendFileSync(file, `{"error_severity":"ERROR","statement":"${'x'.repeat(2 << 20)}"}\n{"message":"next"}\n`);
  const source = { source: 'postgres', file, format: 'postgres-jsonlog', from: 'start' } as const;
  new ServerLog([source], record, clock).close();
  const message = 'the log of postgres has records of more than 1 MB, which are left out';
  expect(rows.slice(1)).toMatchObject([
    { severity: 'ERROR', message, detail: 'gap in server_log' },
    { source: 'postgres', message: 'next' },
  ]);
});
