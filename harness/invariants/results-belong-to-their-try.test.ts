import { expect, test } from 'vitest';

import { judgeLiteral, many } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (run: LiteralRun) => judgeLiteral('results-belong-to-their-try', run);

/** Worker w-1 pushes in try 1, and w-2 begins try 2. */
const PUSH = { op: 5, kind: 'xcom_push', sent_ms: 5_000, target: 'return_value', requested: 'life 1' } as const;
const SECOND = { life: 2, worker: 'w-2', ti_id: 'ti-2', try_number: 2 } as const;
const AGAIN = { ...SECOND, op: 7, kind: 'run', sent_ms: 9_000 } as const;
/** What a life does after it has asked for the clearing. */
const FIELDS = { ...SECOND, op: 9, kind: 'rtif', sent_ms: 9_020 } as const;
const CLEAR = { ...SECOND, op: 8, kind: 'xcom_clear', sent_ms: 9_010, target: 'return_value' } as const;
const FINAL = { dag_id: 'wt_dag', run_id: 'run1', task_id: 'task', map_index: -1, key: 'return_value' };
const lives = [{}];

test('a try that does not learn of the result of the previous try is a violation', async () => {
  const result = await judge({ lives, operations: [PUSH, AGAIN, FIELDS] });
  expect(result).toMatchObject({ verdict: 'fail', variants: { 'not cleared': 1 } });
  expect(result.first).toMatchObject({ at_ms: 9_005, subject: 'wt_dag/run1/task', operations: [5, 7] });
  expect(result.first?.sentence).toBe(
    'Worker w-2 began try 2 of wt_dag/run1/task and got no request to delete the result return_value that an earlier ' +
      'try had left.',
  );
});

test('where a running try was cleared and a scheduler let it begin again, that is a variant of its own', async () => {
  const commits = [
    { id: 'ti-1', state: 'running', committed_ms: 4_000, writer: 'wt-api-execution-1' },
    { id: 'ti-2', state: 'restarting', committed_ms: 6_000, writer: 'wt-api-core-1' },
    { id: 'ti-2', state: null, committed_ms: 7_000, writer: 'wt-scheduler-1' },
    { id: 'ti-2', state: 'running', try_number: 2, committed_ms: 9_003, writer: 'wt-api-execution-1' },
  ];
  const result = await judge({ lives, operations: [PUSH, AGAIN, FIELDS], commits });
  expect(result.variants).toEqual({ 'cleared while resumed': 1 });
  expect(result.first?.sentence).toContain('had been cleared while it ran, and this one was resumed in its place.');
});

test('a life that was ordered to stop before it wrote anything had not come so far', async () => {
  const stopped = { ...FIELDS, kind: 'heartbeat', outcome: 'refused', status: 409 } as const;
  expect(await judge({ lives, operations: [PUSH, AGAIN, stopped] })).toMatchObject({ violations: 0, exercised: 0 });
});

test('a run that is deleted takes its results with it, and one that was deleted before the push does not', async () => {
  const gone = { op: 6, actor: 'operator', kind: 'delete', dag_id: 'wt_dag', run_id: 'run1' } as const;
  const judged = async (sent_ms: number) =>
    (await judge({ lives, operations: [{ ...gone, sent_ms }, PUSH, AGAIN, FIELDS] })).violations;
  expect(await judged(7_000)).toBe(0);
  expect(await judged(4_000)).toBe(1);
});

test('a result that is not the last one pushed is a violation', async () => {
  const operations = [PUSH, AGAIN, CLEAR, { ...PUSH, ...SECOND, op: 9, sent_ms: 9_500, requested: 'life 2' }];
  const wrong = await judge({ lives, operations, finals: { xcom: [{ ...FINAL, value: '"life 1"' }] } });
  expect(wrong.variants).toEqual({ 'of another try': 1 });
  expect((await judge({ lives, operations, finals: { xcom: [{ ...FINAL, value: '"life 2"' }] } })).first).toBeNull();
});

test('the last one is so by time, whatever the numbers; of two at once either may be', async () => {
  const judged = async (sent_ms: number, value: string) => {
    const last = { ...PUSH, ...SECOND, op: 2, sent_ms, requested: 'life 2' };
    const xcom = [{ ...FINAL, value }];
    return (await judge({ lives, operations: [PUSH, AGAIN, { ...CLEAR, op: 3 }, last], finals: { xcom } })).violations;
  };
  expect(await judged(9_500, '"life 2"')).toBe(0);
  expect(await judged(9_500, '"life 1"')).toBe(1);
  // Sent before the answer to the deletion was there.
  expect(await judged(9_012, '"life 1"')).toBe(0);
});

test('a result that was deleted and is there at the end is a violation', async () => {
  const finals = { xcom: [{ ...FINAL, value: '"life 1"' }] };
  expect((await judge({ lives, operations: [PUSH, AGAIN, CLEAR], finals })).variants).toEqual({ 'of another try': 1 });
});

test.each<[string, LiteralRun]>([
  ['its worker learns of it', { operations: [PUSH, AGAIN, CLEAR] }],
  [
    'the task resumes after a deferral',
    { operations: [{ op: 1, kind: 'run', sent_ms: 1_000 }, PUSH, { ...AGAIN, ti_id: 'ti-1', try_number: 1 }] },
  ],
  ['it is unknown whether the push was carried out', { operations: [{ ...PUSH, outcome: 'unknown' }, AGAIN] }],
  ['the push was refused', { operations: [{ ...PUSH, outcome: 'refused', status: 409 }, AGAIN] }],
])('it is well when %s', async (_when, run) => {
  expect((await judge({ lives, ...run })).first).toBeNull();
});

test('it passes when five tries learned of it, and is unknown with fewer', async () => {
  const operations = (n: number) =>
    many(n, (i) =>
      [PUSH, AGAIN, CLEAR].map((op, k) => ({
        ...op,
        op: 3 * i + k,
        task_id: `t${i}`,
        life: 2 * i + Math.min(k, 1),
        ti_id: `${i}-${Math.min(k, 1)}`,
      })),
    ).flat();
  expect(await judge({ lives, operations: operations(5) })).toMatchObject({ verdict: 'pass', exercised: 5 });
  expect(await judge({ lives, operations: operations(4) })).toMatchObject({ verdict: 'unknown', exercised: 4 });
});
