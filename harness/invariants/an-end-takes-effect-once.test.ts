import { expect, test } from 'vitest';

import { judgeLiteral, many } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (run: LiteralRun) => judgeLiteral('an-end-takes-effect-once', run);

const writer = 'wt-api-execution-1';
const RUNNING = { state: 'running', committed_ms: 1_000, writer };
const SUCCESS = { state: 'success', committed_ms: 5_000, writer };
const LOST = {
  op: 8,
  kind: 'state',
  requested: 'success',
  sent_ms: 4_990,
  ended_ms: 5_010,
  outcome: 'unknown',
  cause: 'answer-dropped',
} as const;
const REPLAY = { op: 9, kind: 'state', requested: 'success', attempt: 2, sent_ms: 6_990, ended_ms: 7_010 } as const;

test('a replay that is carried out again is a violation', async () => {
  const result = await judge({
    operations: [LOST, REPLAY],
    commits: [RUNNING, SUCCESS, { ...SUCCESS, committed_ms: 7_000 }],
  });
  expect(result).toMatchObject({ verdict: 'fail', violations: 1, variants: { 'success after success': 1 } });
  expect(result.first).toMatchObject({ at_ms: 7_000, operations: [9], commits: [2, 3] });
  expect(result.first?.sentence).toBe(
    'The end SUCCESS that worker w-1 reported for wt_dag/run1/task (try 1) took effect although the task was already ' +
      'SUCCESS, 2.0 s after the end before it.',
  );
});

test('a worker that names the map index of a task that was marked ends nothing', async () => {
  const marked = { state: 'success', committed_ms: 4_000, writer: 'wt-api-core-1' };
  const variants = async (statement: string) =>
    (await judge({ operations: [LOST], commits: [RUNNING, marked, { ...SUCCESS, statement }] })).variants;
  const named = 'UPDATE task_instance SET rendered_map_index = $2, updated_at = now() WHERE task_instance.id = $1';
  expect(await variants(named)).toEqual({});
  const ended = named.replace('rendered_map_index', "state = 'success', rendered_map_index");
  expect(await variants(ended)).toEqual({ 'success after success': 1 });
});

test('an end that overwrites a mark of an operator has a variant of its own', async () => {
  const marked = { state: 'failed', committed_ms: 4_000, writer: 'wt-api-core-1' };
  const result = await judge({ operations: [LOST], commits: [RUNNING, marked, SUCCESS] });
  expect(result.variants).toEqual({ 'success after failed': 1 });
});

test('a retry that changes state and id in one transaction is one end', async () => {
  const retry = { state: 'up_for_retry', committed_ms: 5_000, writer, xid: 900 };
  const result = await judge({
    operations: [{ ...LOST, requested: 'up_for_retry' }],
    commits: [RUNNING, retry, { ...retry, id: 'ti-2', old_id: 'ti-1' }],
  });
  expect(result.violations).toBe(0);
  const twice = { ...retry, id: 'ti-3', old_id: 'ti-2', xid: 950, committed_ms: 7_000 };
  const again = await judge({
    operations: [LOST],
    commits: [RUNNING, retry, { ...retry, id: 'ti-2', old_id: 'ti-1' }, twice],
  });
  expect(again.variants).toEqual({ 'up_for_retry after up_for_retry': 1 });
});

test('a skip that meets a skipped task again is no end report', async () => {
  const skipped = { state: 'skipped', committed_ms: 2_000, writer };
  const result = await judge({ operations: [LOST], commits: [skipped, { ...skipped, committed_ms: 3_000 }] });
  expect(result.violations).toBe(0);
});

test('one end that stands twice in the audit log was carried out twice', async () => {
  const row = { event: 'success', dag_id: 'wt_dag', run_id: 'run1', task_id: 'task', map_index: -1, try_number: 1 };
  const run = { operations: [LOST, REPLAY], commits: [RUNNING, SUCCESS] };
  const result = await judge({ ...run, finals: { log: [row, row] } });
  expect(result).toMatchObject({ violations: 1, variants: { 'logged twice': 1 } });
  expect(result.first?.operations).toEqual([8, 9]);
  expect((await judge({ ...run, finals: { log: [row, { ...row, try_number: 2 }] } })).violations).toBe(0);
});

test('what a scheduler notes that fails a task for a mismatch of states is not a second end', async () => {
  const row = { dag_id: 'wt_dag', run_id: 'run1', task_id: 'task', map_index: -1, try_number: 1 };
  const failed = { ...row, event: 'failed' };
  const run = {
    operations: [{ ...LOST, requested: 'failed' }],
    commits: [RUNNING, { ...SUCCESS, state: 'failed' }],
  } as const;
  const noted = async (...log: readonly object[]) => (await judge({ ...run, finals: { log } })).violations;
  expect(await noted(failed, { ...row, event: 'state mismatch' }, failed)).toBe(0);
  expect(await noted(failed, { ...row, event: 'state mismatch' }, failed, failed)).toBe(1);
  // That of another mapped instance is no excuse.
  expect(await noted(failed, { ...row, map_index: 2, event: 'state mismatch' }, failed)).toBe(1);
});

test('it passes where five replays changed nothing, and is unknown without replays', async () => {
  const ids = many(5, (i) => ({ ti_id: `ti-${i}`, task_id: `t${i}` }));
  const commits = ids.flatMap(({ ti_id: id, task_id }) => [
    { ...RUNNING, id, task_id },
    { ...SUCCESS, id, task_id },
  ]);
  const replays = ids.map((task, i) => ({ ...REPLAY, ...task, op: 20 + i }));
  expect(await judge({ operations: replays, commits })).toMatchObject({ verdict: 'pass', exercised: 5 });
  expect(await judge({ operations: [{ ...REPLAY, attempt: 1 }], commits })).toMatchObject({
    verdict: 'unknown',
    exercised: 0,
  });
});
