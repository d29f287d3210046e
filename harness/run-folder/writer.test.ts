import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { writeReports } from '../../reports/write.ts';
import { UsageError } from '../model/errors.ts';
import type { Judgement } from '../model/verdict.ts';
import { ServerLog } from '../record/server-log.ts';
import { literalManifest } from '../testing/literal-run.ts';
import { RunClock } from './clock.ts';
import { closeTables } from './close.ts';
import { RunFolder } from './writer.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'wt-test-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function rows(run: RunFolder, table: string): unknown[] {
  const text = readFileSync(path.join(run.path, 'raw', `${table}.ndjson`), 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

test('appended rows are in the file within a second, without a close', async () => {
  const run = new RunFolder(path.join(folder, 'run'));
  run.append('faults', { fault: 'one' });
  run.append('faults', { fault: 'two' });
  await sleep(1_000);
  expect(rows(run, 'faults')).toEqual([{ fault: 'one' }, { fault: 'two' }]);
  await run.close();
});

test('what is not yet written has an age', async () => {
  const run = new RunFolder(path.join(folder, 'run'));
  expect(run.behindMs).toBe(0);
  run.append('faults', { fault: 'one' });
  const until = performance.now() + 20;
  while (performance.now() < until);
  expect(run.behindMs).toBeGreaterThanOrEqual(19);
  await run.flush();
  expect(run.behindMs).toBe(0);
  await run.close();
});

test('a folder that holds something is refused and left as it is', () => {
  writeFileSync(path.join(folder, 'precious'), 'x');
  expect(() => new RunFolder(folder)).toThrow(UsageError);
  expect(readFileSync(path.join(folder, 'precious'), 'utf8')).toBe('x');
});

test('how far the record is behind is the age of the oldest row that is not written', async () => {
  const run = new RunFolder(path.join(folder, 'run'));
  expect(run.behindMs).toBe(0);
  run.append('faults', { fault: 'one' });
  await sleep(20);
  run.append('faults', { fault: 'two' });
  expect(run.behindMs).toBeGreaterThan(15);
  await run.flush();
  expect(run.behindMs).toBe(0);
  await run.close();
});

test('what waits to be written has a bound, beyond which the record has failed', async () => {
  const run = new RunFolder(path.join(folder, 'run'), { waitingCharacters: 10_000 });
  for (let i = 0; i < 5_000; i++) run.append('faults', { fault: 'one', detail: 'x'.repeat(100) });
  expect(run.failed.reason).toMatchObject({
    message: expect.stringMatching(/^The record cannot be written to .*\/run: the oldest row has waited/),
  });
  await run.close();
  expect(rows(run, 'faults').length).toBeLessThan(100);
});

test('the server log keeps errors of PostgreSQL and of Airflow, and nothing chatty', async () => {
  const run = new RunFolder(path.join(folder, 'run'));
  const postgres = path.join(folder, 'postgres.json');
  const api = path.join(folder, 'api.log');
  const clock = new RunClock();
  const timestamp = new Date(clock.startedAt.getTime() + 1500).toISOString().replace('T', ' ').replace('Z', ' UTC');
  writeFileSync(
    postgres,
    `${JSON.stringify({
      timestamp,
      pid: 42,
      application_name: 'wt-scheduler-1',
      txid: 9,
      error_severity: 'ERROR',
      state_code: '40P01',
      message: 'deadlock detected',
      detail: 'Process 42 waits',
    })}\nnot json\n`,
  );
  writeFileSync(
    api,
    [
      '2026-11-21T10:47:11.539614Z [info     ] Waiting for application shutdown. [uvicorn.error] loc=on.py:67',
      '2026-11-21T10:47:12.000000Z [error    ] Error updating Task Instance state [airflow.x]',
      'Traceback (most recent call last):',
      'sqlalchemy.exc.OperationalError: (psycopg2.errors.DeadlockDetected) deadlock detected',
      '2026-11-21T10:47:12.100000Z [info     ] marking 1 backfills as complete [airflow.y]',
    ].join('\n'),
  );
  const log = new ServerLog(
    [
      { source: 'postgres', file: postgres, format: 'postgres-jsonlog', from: 'start' },
      { source: 'api-execution-1', file: api, format: 'airflow', from: 'start' },
    ],
    run,
    clock,
  );
  log.close();
  await run.close();
  expect(rows(run, 'server_log')).toMatchObject([
    { source: 'harness', severity: 'LOG', message: 'reads the logs of postgres, api-execution-1' },
    {
      source: 'postgres',
      at_ms: 1500,
      pid: 42,
      application_name: 'wt-scheduler-1',
      sqlstate: '40P01',
      detail: 'Process 42 waits',
    },
    { source: 'api-execution-1', severity: 'ERROR', message: 'Error updating Task Instance state [airflow.x]' },
    { source: 'api-execution-1', severity: 'ERROR' },
    { source: 'api-execution-1', severity: 'INFO' },
  ]);
});

test('the record of a stack that others use is for its user only, from the first row to the reports', async () => {
  const place = path.join(folder, 'private');
  mkdirSync(place);
  const run = new RunFolder(place, { isPrivate: true });
  await run.writeManifest(literalManifest({}));
  run.append('operations', { op: 1 });
  run.log('k6');
  await run.close();
  await closeTables(place);
  await writeReports(place, {} as Judgement, literalManifest({})).catch(() => undefined);
  const modes = readdirSync(place, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => [name, statSync(path.join(parentPath, name)).mode & 0o777]);
  expect(Object.fromEntries(modes)).toEqual({
    'manifest.json': 0o600,
    'operations.parquet': 0o600,
    'k6.log': 0o600,
    'verdict.json': 0o600,
  });
  for (const part of ['', 'raw', 'logs']) expect(statSync(path.join(place, part)).mode & 0o777).toBe(0o700);
});

test('only what was made here is removed', async () => {
  const removed = async (place: string) => {
    const run = new RunFolder(place);
    run.append('operations', { op: 1 });
    await run.close();
    run.remove();
  };
  const there = path.join(folder, 'mine', 'empty');
  mkdirSync(there, { recursive: true });
  await removed(there);
  expect(readdirSync(there)).toEqual([]);
  await removed(path.join(folder, 'mine', 'new', 'deep'));
  expect(readdirSync(path.join(folder, 'mine'))).toEqual(['empty']);
  const shared = path.join(folder, 'mine', 'shared');
  const run = new RunFolder(path.join(shared, 'run'));
  writeFileSync(path.join(shared, 'other'), '');
  await run.close();
  run.remove();
  expect(readdirSync(shared)).toEqual(['other']);
});
