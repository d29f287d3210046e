import { expect, test } from 'vitest';

import { judgeLiteral, many } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (run: LiteralRun) => judgeLiteral('a-start-takes-effect-once', run);
const API = 'wt-api-execution-1';

const QUEUED = { state: 'queued', committed_ms: 900, change: 'insert' };
const RUNNING = { state: 'running', committed_ms: 1_003, writer: API };
const FIRST = { op: 1, kind: 'run', sent_ms: 1_000, outcome: 'unknown' } as const;
const REPLAY = { op: 2, kind: 'run', attempt: 2, sent_ms: 2_500 } as const;

test('a start that counts a try when it is sent again is a violation', async () => {
  const result = await judge({
    operations: [FIRST, REPLAY],
    commits: [QUEUED, RUNNING, { ...RUNNING, committed_ms: 2_503, try_number: 2 }],
  });
  expect(result).toMatchObject({ verdict: 'fail', variants: { 'new try number': 1 } });
  expect(result.first).toMatchObject({ at_ms: 2_503, operations: [2], commits: [3] });
  expect(result.first?.sentence).toBe(
    'The start that worker w-1 sent for wt_dag/run1/task took effect although the task was already RUNNING: its try ' +
      'number went from 1 to 2.',
  );
});

test('a start that stands twice in the audit log is a violation', async () => {
  const note = { event: 'running', dag_id: 'wt_dag', run_id: 'run1', task_id: 'task', map_index: -1, try_number: 1 };
  const run = { operations: [FIRST, REPLAY], commits: [QUEUED, RUNNING] };
  const result = await judge({ ...run, finals: { log: [note, note] } });
  expect(result.variants).toEqual({ 'logged twice': 1 });
  expect(result.first).toMatchObject({ operations: [2], commits: [2] });
  expect((await judge({ ...run, finals: { log: [note] } })).first).toBeNull();
});

test('a start that is refused when it is sent again is a violation, unless another worker has the task', async () => {
  const refused = { ...REPLAY, outcome: 'refused', status: 409, found_state: 'running' } as const;
  const run = (hostname: string): LiteralRun => ({
    operations: [FIRST, refused],
    commits: [QUEUED, { ...RUNNING, row: { hostname } }],
  });
  const result = await judge(run('w-1'));
  expect(result.variants).toEqual({ refused: 1 });
  expect(result.first).toMatchObject({ operations: [2], commits: [2] });
  expect((await judge(run('w-2'))).first).toBeNull();
});

test('a task that was deferred begins twice in one try', async () => {
  const note = { event: 'running', dag_id: 'wt_dag', run_id: 'run1', task_id: 'task', map_index: -1, try_number: 1 };
  const commits = [QUEUED, RUNNING, { ...RUNNING, state: 'deferred' }, { ...RUNNING, committed_ms: 9_000 }];
  expect((await judge({ operations: [FIRST], commits, finals: { log: [note, note] } })).first).toBeNull();
});

test('it passes when five starts were sent again and changed nothing, and is unknown with fewer', async () => {
  const run = (n: number): LiteralRun => ({
    operations: many(n, (i) => [
      { ...FIRST, op: 2 * i, ti_id: `${i}`, task_id: `t${i}` },
      { ...REPLAY, op: 2 * i + 1, ti_id: `${i}`, task_id: `t${i}` },
    ]).flat(),
    commits: many(n, (i) => [QUEUED, RUNNING].map((row) => ({ ...row, id: `${i}`, task_id: `t${i}` }))).flat(),
  });
  expect(await judge(run(5))).toMatchObject({ verdict: 'pass', exercised: 5 });
  expect(await judge(run(4))).toMatchObject({ verdict: 'unknown', exercised: 4 });
});
