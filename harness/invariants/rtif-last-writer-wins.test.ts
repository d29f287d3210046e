import { expect, test } from 'vitest';
import type { Operation } from '../model/operation.ts';
import { judgeLiteral, many } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (run: LiteralRun) => judgeLiteral('rtif-last-writer-wins', run);
const FINAL = { dag_id: 'wt_dag', run_id: 'run1', task_id: 'task', map_index: -1 };

function write(op: number, over: Partial<Operation> = {}): Partial<Operation> {
  return {
    op,
    kind: 'rtif',
    status: 201,
    duplicate_of: 1,
    requested: `{"bash_command":"echo ${op}"}`,
    sent_ms: 1_000,
    ended_ms: 1_030,
    ...over,
  };
}
const REFUSED = { outcome: 'refused', status: 409, message: 'Unique constraint violation' } as const;

test('a 409 to one of two writes at once is a violation that names both', async () => {
  const result = await judge({ operations: [write(1), write(2, REFUSED)] });
  expect(result).toMatchObject({ verdict: 'fail', variants: { 'two at once': 1 } });
  expect(result.first).toMatchObject({ operations: [2, 1], subject: 'wt_dag/run1/task' });
  expect(result.first?.sentence).toBe(
    'The rendered fields that worker w-1 wrote for wt_dag/run1/task were refused with 409 (Unique constraint ' +
      'violation), because another write of the same fields was under way; the real client fails the task for that.',
  );
});

test('a 409 to the retry of a write that timed out is a violation, too', async () => {
  const lost = write(1, { duplicate_of: null, outcome: 'unknown', status: null, ended_ms: 6_000 });
  const retry = write(2, { ...REFUSED, duplicate_of: null, attempt: 2, sent_ms: 7_000, ended_ms: 7_010 });
  const result = await judge({ operations: [lost, retry] });
  expect(result.variants).toEqual({ 'retry of a lost answer': 1 });
});

test('a value that no accepted write contains is a violation', async () => {
  const finals = { rendered_task_instance_fields: [{ ...FINAL, rendered_fields: { bash_command: 'echo 7' } }] };
  const result = await judge({ operations: [write(1), write(2)], finals });
  expect(result.first).toMatchObject({ variant: 'value never written', operations: [1, 2] });
  expect(result.first?.sentence).toContain(
    'are «echo 7» at the end, a value that none of the 2 accepted writes contains',
  );
});

test('a value of an earlier try that stays when the next one has written is a violation', async () => {
  const next = write(2, { duplicate_of: null, life: 2, ti_id: 'ti-2', try_number: 2, sent_ms: 9_000, ended_ms: 9_010 });
  const finals = (n: number) => ({
    rendered_task_instance_fields: [{ ...FINAL, rendered_fields: { bash_command: `echo ${n}` } }],
  });
  const result = await judge({ operations: [write(1, { duplicate_of: null }), next], finals: finals(1) });
  expect(result.first).toMatchObject({ variant: 'value of an earlier try', operations: [1, 2] });
  expect(result.first?.sentence).toBe(
    'The rendered fields of wt_dag/run1/task are «echo 1» at the end, which an earlier try had written; the last one ' +
      'wrote «echo 2».',
  );
  expect((await judge({ operations: [write(1, { duplicate_of: null }), next], finals: finals(2) })).first).toBeNull();
});

test('a 409 because another try was writing is a variant of its own', async () => {
  const first = write(1, { duplicate_of: null, ended_ms: 4_000 });
  const next = {
    ...REFUSED,
    duplicate_of: null,
    life: 2,
    ti_id: 'ti-2',
    try_number: 2,
    sent_ms: 3_000,
    ended_ms: 4_010,
  };
  const result = await judge({ operations: [first, write(2, next)] });
  expect(result.first).toMatchObject({ variant: 'another try', operations: [2, 1] });
});

test('a write of an earlier try that replaces that of the next one is a violation, whatever comes later', async () => {
  const tries = [1, 2, 3].map((n) =>
    write(n, { duplicate_of: null, life: n, ti_id: `ti-${n}`, try_number: n, sent_ms: 900 * n, ended_ms: 9_000 }),
  );
  const version = (n: number, committed_ms: number) => {
    const row = { rendered_fields: { bash_command: `echo ${n}` } };
    return { ...FINAL, relation: 'rendered_task_instance_fields', change: 'update', committed_ms, row } as const;
  };
  const of = (...order: number[]) => order.map((n, i) => version(n, 5_000 + 100 * i));
  const result = await judge({ operations: tries, commits: of(2, 1, 3) });
  expect(result.variants).toEqual({ 'late write of an earlier try': 1 });
  expect(result.first).toMatchObject({ operations: [1, 2], commits: [1, 2], at_ms: 5_100 });
  expect(result.first?.sentence).toBe(
    'Try 1 of wt_dag/run1/task, held up in the server, replaced the rendered fields «echo 2», which try 2 had ' +
      'written 0.1 s before, by its own, «echo 1».',
  );
  expect((await judge({ operations: tries, commits: of(1, 2, 3) })).first).toBeNull();
  // It cannot be said which try it was.
  const alike = tries.map((one) => ({ ...one, requested: '{"bash_command":"echo 1"}' }));
  expect((await judge({ operations: alike, commits: of(1, 1) })).first).toBeNull();
});

test('the last commit is asked where there is no snapshot', async () => {
  const row = { rendered_fields: { bash_command: 'echo 7' } };
  const commits = [{ ...FINAL, relation: 'rendered_task_instance_fields', change: 'insert', committed_ms: 1_010, row }];
  expect((await judge({ operations: [write(1), write(2)], commits })).first?.commits).toEqual([1]);
});

test.each([
  ['the other write won', [write(1), write(2)], { bash_command: 'echo 1' }],
  ['Airflow stored the object as a string', [write(1), write(2)], '{"bash_command":"echo 2"}'],
  [
    'an unknown write may have been the last',
    [write(1), write(2, { outcome: 'unknown', status: 500 })],
    { bash_command: 'x' },
  ],
])('the remaining value is fine when %s', async (_why, operations, rendered_fields) => {
  const finals = { rendered_task_instance_fields: [{ ...FINAL, rendered_fields }] };
  expect((await judge({ operations, finals })).first).toBeNull();
});

test('rendered fields of more than a command are compared as JSON', async () => {
  const operations = [write(1, { requested: '{"sql": "select 1", "n": [1, 2]}' })];
  const finals = (rendered_fields: object) => ({ rendered_task_instance_fields: [{ ...FINAL, rendered_fields }] });
  expect((await judge({ operations, finals: finals({ sql: 'select 1', n: [1, 2] }) })).first).toBeNull();
  expect((await judge({ operations, finals: finals({ sql: 'select 2', n: [1, 2] }) })).violations).toBe(1);
});

test('it passes when enough first writes overlapped and all were accepted', async () => {
  expect(await judge({ operations: pairs(20) })).toMatchObject({ verdict: 'pass', exercised: 20 });
});

test('pairs that did not overlap, found a row, or were not both answered, do not exercise it', async () => {
  const later = many(30, (i) => [
    write(1_000 + 3 * i, { duplicate_of: null, task_id: `u${i}`, sent_ms: 100, ended_ms: 110 }),
    write(1_001 + 3 * i, { duplicate_of: 1_001 + 3 * i, task_id: `u${i}` }),
    write(1_002 + 3 * i, { duplicate_of: 1_001 + 3 * i, task_id: `u${i}` }),
  ]).flat();
  const apart = write(501, { duplicate_of: 500, sent_ms: 1_040, ended_ms: 1_050, task_id: 'v' });
  const lost = write(503, { duplicate_of: 502, task_id: 'w', outcome: 'unknown', status: null });
  const operations = [
    ...pairs(19),
    write(502, { duplicate_of: 502, task_id: 'w' }),
    lost,
    ...later,
    write(500, { duplicate_of: 500, task_id: 'v' }),
    apart,
  ];
  expect(await judge({ operations })).toMatchObject({ verdict: 'unknown', exercised: 19 });
});

function pairs(n: number): Partial<Operation>[] {
  return many(n, (i) => {
    const first = 2 * i + 1;
    return [
      write(first, { duplicate_of: first, task_id: `t${i}` }),
      write(first + 1, { duplicate_of: first, task_id: `t${i}`, sent_ms: 1_001 }),
    ];
  }).flat();
}
