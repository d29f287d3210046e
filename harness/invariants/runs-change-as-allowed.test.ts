import { expect, test } from 'vitest';

import { judgeLiteral, many } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (run: LiteralRun) => judgeLiteral('runs-change-as-allowed', run);

function dagRun(state: string, committed_ms: number, writer = 'wt-scheduler-1', more: object = {}) {
  const run = { relation: 'dag_run', id: '1', dag_id: 'wt_dag', run_id: 'run1' };
  return { ...run, change: state === 'queued' ? 'insert' : 'update', state, committed_ms, writer, ...more };
}
const BEGUN = [dagRun('queued', 500), dagRun('running', 1_000)];
const TASK = { state: 'running', committed_ms: 2_000, writer: 'wt-api-execution-1', change: 'insert' };

test('a run that ends while a task of it runs is a violation', async () => {
  const result = await judge({ commits: [...BEGUN, TASK, dagRun('success', 3_000)] });
  expect(result).toMatchObject({ verdict: 'fail', variants: { 'ended with unfinished tasks': 1 } });
  expect(result.first).toMatchObject({ at_ms: 3_000, subject: 'wt_dag/run1', severity: 1, commits: [3, 4] });
  expect(result.first?.sentence).toBe(
    'wt-scheduler-1 set the run run1 of wt_dag to SUCCESS while 1 of its task instances had not ended: task was ' +
      'RUNNING.',
  );
});

test('a run that its scheduler took for stuck as it skipped its tasks has a variant of its own', async () => {
  const branch = { life: 2, task_id: 'pick', ti_id: 'ti-pick', sent_ms: 2_500 } as const;
  const operations = [
    { ...branch, op: 1, kind: 'xcom_push', target: 'skipmixin_key' },
    { ...branch, op: 2, kind: 'skip_downstream', target: 'task' },
  ] as const;
  const join = { state: null, committed_ms: 900, change: 'insert', task_id: 'join', id: 'ti-join' } as const;
  const skipped = {
    ...TASK,
    change: 'update',
    state: 'skipped',
    committed_ms: 3_000,
    writer: 'wt-scheduler-1',
    xid: 9,
  };
  const ended = dagRun('failed', 3_000, 'wt-scheduler-1', { xid: 9 });
  const result = await judge({ operations, commits: [...BEGUN, join, TASK, skipped, ended] });
  expect(result.variants).toEqual({ 'taken for stuck': 1 });
  expect(result.first).toMatchObject({ at_ms: 3_000, commits: [5, 6] });
  expect(result.first?.sentence).toContain('join was NONE, and the others it had just skipped');
  const apart = await judge({ operations, commits: [...BEGUN, join, TASK, { ...skipped, xid: 8 }, ended] });
  expect(apart.variants).toEqual({ 'ended with unfinished tasks': 1 });
});

test("a worker's request that ends a run is a violation", async () => {
  const result = await judge({ commits: [...BEGUN, dagRun('failed', 3_000, 'wt-api-execution-1')] });
  expect(result.variants).toEqual({ 'api-execution: running → failed': 1 });
  expect(result.first?.sentence).toBe(
    "wt-api-execution-1 changed the run run1 of wt_dag from RUNNING to FAILED, which no worker's request may do.",
  );
});

test('a scheduler that starts a run again is a violation', async () => {
  const commits = [...BEGUN, dagRun('success', 3_000), dagRun('running', 4_000)];
  expect((await judge({ commits })).variants).toEqual({ 'scheduler: success → running': 1 });
});

test.each<[string, LiteralRun['commits']]>([
  ['its tasks have ended', [...BEGUN, TASK, { ...TASK, change: 'update', state: 'success' }, dagRun('success', 3_000)]],
  ['an operator marks it', [...BEGUN, TASK, dagRun('failed', 3_000, 'wt-api-core-1')]],
  [
    'an operator clears it',
    [...BEGUN, dagRun('success', 3_000), dagRun('queued', 4_000, 'wt-api-core-1', { change: 'update' })],
  ],
  [
    'an operator cleared a task at that moment',
    [
      ...BEGUN,
      TASK,
      { ...TASK, change: 'update', state: null, committed_ms: 2_900, writer: 'wt-api-core-1' },
      dagRun('success', 3_000),
    ],
  ],
])('a run may change when %s', async (_when, commits = []) => {
  expect((await judge({ commits })).first).toBeNull();
});

test('it passes when ten runs began or ended so, and is unknown with fewer', async () => {
  const commits = (n: number) => many(n, (i) => BEGUN.map((row) => ({ ...row, id: `${i}`, run_id: `r${i}` }))).flat();
  expect(await judge({ commits: commits(10) })).toMatchObject({ verdict: 'pass', exercised: 10 });
  expect(await judge({ commits: commits(9) })).toMatchObject({ verdict: 'unknown', exercised: 9 });
});
