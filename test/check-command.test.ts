import { mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { closeTables } from '../harness/run-folder/close.ts';
import { writeLiteralRun } from '../harness/testing/literal-run.ts';
import { callInProcess } from './in-process.ts';

type Written = ReturnType<typeof writeLiteralRun>;

let broken: Written;
let doubtful: Written;
let damaged: Written;
let cwd: string;
beforeAll(async () => {
  cwd = mkdtempSync(path.join(tmpdir(), 'windtunnel-check-'));
  // The server answered 500, and the log names no cause.
  broken = writeLiteralRun({ operations: [{ kind: 'state', outcome: 'unknown', status: 500 }] });
  doubtful = writeLiteralRun({ operations: [{}] });
  damaged = writeLiteralRun({ operations: [{}] });
  await closeTables(damaged.folder);
  truncateSync(path.join(damaged.folder, 'operations.parquet'), 40);
});
afterAll(() => {
  for (const run of [broken, doubtful, damaged]) run.remove();
  rmSync(cwd, { recursive: true, force: true });
});

test('several runs are judged in turn, and the worst verdict is the exit code', async () => {
  const { code, stdout } = await callInProcess(['check', doubtful.folder, broken.folder, doubtful.folder], cwd);
  expect(stdout.match(/^(FAIL|UNKNOWN|PASS) /gm)).toEqual(['UNKNOWN ', 'FAIL ', 'UNKNOWN ']);
  expect(stdout).toMatch(/\n3 runs: 1 FAIL, 2 UNKNOWN, 0 PASS\n$/);
  expect(code).toBe(1);
});

test('--json prints one verdict, or a list of several', async () => {
  const verdicts = async (...runs: string[]): Promise<unknown> =>
    JSON.parse((await callInProcess(['check', ...runs, '--json'], cwd)).stdout);
  expect(await verdicts(broken.folder)).toMatchObject({ verdict: 'fail' });
  expect(await verdicts(broken.folder, doubtful.folder)).toMatchObject([{ verdict: 'fail' }, { verdict: 'unknown' }]);
});

test('a damaged run keeps no verdict from the others', async () => {
  const called = await callInProcess(['check', damaged.folder, broken.folder, '--json'], cwd);
  expect(JSON.parse(called.stdout)).toMatchObject([{ verdict: 'fail' }]);
  expect(called.stderr).toMatch(/^The table operations of \S+ cannot be read .*: it was damaged; repeat the run\.\n$/);
  expect(called.code).toBe(2);
});

test('of runs that are none, each is named before any is judged', async () => {
  const called = await callInProcess(['check', 'nowhere', broken.folder, 'elsewhere'], cwd);
  expect(called).toMatchObject({ code: 2, stdout: '' });
  expect(called.stderr).toMatch(/^nowhere is not a run folder .*\nelsewhere is not a run folder .*\n$/);
});
