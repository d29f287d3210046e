import { expect, test } from 'vitest';

import { judgeLiteral, many } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (run: LiteralRun) => judgeLiteral('history-is-complete', run);

const KEY = { dag_id: 'wt_dag', run_id: 'run1', task_id: 'task', map_index: -1 } as const;
const RETRY = [
  { id: 'a', state: 'scheduled', try_number: 1, committed_ms: 1_000 },
  { id: 'a', state: 'running', try_number: 1, committed_ms: 2_000 },
  { id: 'b', old_id: 'a', state: 'up_for_retry', try_number: 1, committed_ms: 3_000, writer: 'wt-api-execution-1' },
  { id: 'b', state: 'scheduled', try_number: 2, committed_ms: 4_000, writer: 'wt-scheduler-1' },
] as const;
const FINAL = { ...KEY, id: 'b', state: 'success', try_number: 2 };
const FIRST = { ...KEY, task_instance_id: 'a', state: 'failed', try_number: 1 };

function stored(history: readonly object[], final: object = FINAL): LiteralRun {
  return { commits: RETRY, finals: { task_instance: [final], task_instance_history: history } };
}

test('a try that was followed by another and is not kept is a violation', async () => {
  const result = await judge(stored([]));
  expect(result).toMatchObject({ verdict: 'fail', violations: 1, variants: { lost: 1 } });
  expect(result.first).toMatchObject({ at_ms: 3_000, subject: 'wt_dag/run1/task', commits: [3] });
  expect(result.first?.sentence).toBe(
    'Try 1 of wt_dag/run1/task is not in task_instance_history, although wt-api-execution-1 began another one.',
  );
});

test('where no commits could be recorded, a try that is missing says nothing', async () => {
  const blind: LiteralRun = { ...stored([]), commits: [], operations: [{ kind: 'run', status: 200 }] };
  expect(await judge({ ...blind, manifest: { writers: 'none' } })).toMatchObject({ verdict: 'unknown', violations: 0 });
});

test('a try that failed before a worker had it has a variant of its own: its row keeps its id', async () => {
  const commits = [
    { id: 'a', state: 'queued', try_number: 1, committed_ms: 1_000 },
    { id: 'a', state: 'up_for_retry', try_number: 1, committed_ms: 2_000, writer: 'wt-scheduler-1' },
    { id: 'a', state: 'queued', try_number: 2, committed_ms: 4_000, writer: 'wt-scheduler-1' },
  ];
  const result = await judge({ ...stored([], { ...FINAL, id: 'a' }), commits });
  expect(result.variants).toEqual({ 'lost while queued': 1 });
  expect(result.first).toMatchObject({ at_ms: 4_000, commits: [3] });
});

test('a try that begins during a clear, and is lost to it, has a variant of its own', async () => {
  const commits = [
    ...RETRY,
    { id: 'c', old_id: 'b', state: null, try_number: 2, committed_ms: 4_050, writer: 'wt-api-core-1' },
    { id: 'c', state: 'scheduled', try_number: 3, committed_ms: 6_000, writer: 'wt-scheduler-1' },
  ];
  const clear = { ...KEY, actor: 'operator', kind: 'clear', ended_ms: 4_060 } as const;
  const judged = (sent_ms: number) =>
    judge({
      ...stored([FIRST], { ...FINAL, id: 'c', try_number: 3 }),
      operations: [{ ...clear, sent_ms }],
      commits,
    });
  const result = await judged(3_900);
  expect(result.variants).toEqual({ 'lost to a clear': 1 });
  expect(result.first?.sentence).toBe(
    'Try 2 of wt_dag/run1/task is not in task_instance_history, although wt-api-core-1 began another one. It began ' +
      'while a clear was under way.',
  );
  expect((await judged(4_010)).variants).toEqual({ lost: 1 });
});

test('a try that a scheduler took back after its end, and that is lost, has a variant of its own', async () => {
  const ended = { id: 'a', state: 'success', try_number: 1, committed_ms: 2_500, writer: 'wt-api-execution-1' };
  const back = { id: 'a', state: 'up_for_retry', try_number: 1, committed_ms: 2_600, writer: 'wt-scheduler-1' };
  const commits = [...RETRY.slice(0, 2), ended, back, { ...RETRY[3], id: 'a' }];
  expect((await judge({ ...stored([], { ...FINAL, id: 'a' }), commits })).variants).toEqual({
    'lost after its end': 1,
  });
});

test('a try number that was left out is a gap', async () => {
  const commits = [...RETRY.slice(0, 3), { ...RETRY[3], try_number: 3 }];
  const result = await judge({ ...stored([FIRST], { ...FINAL, try_number: 3 }), commits });
  expect(result.variants).toEqual({ gap: 1 });
  expect(result.first?.sentence).toBe('Try 2 of wt_dag/run1/task never existed: its try number was skipped.');
});

test('a try that is kept twice, or under an id that it never had, is a violation', async () => {
  const doubled = await judge(stored([FIRST, { ...FIRST, task_instance_id: 'x' }]));
  expect(doubled.variants).toEqual({ doubled: 1, 'wrong try': 1 });
  expect(doubled.first?.sentence).toContain('2 times');
  expect((await judge(stored([{ ...FIRST, task_instance_id: 'x' }]))).first?.sentence).toBe(
    'task_instance_history has a try 1 of wt_dag/run1/task under an id that the task instance never had.',
  );
});

test('a try that is kept under the number of the next one is wrong, and its own is lost', async () => {
  const result = await judge(stored([{ ...FIRST, try_number: 2 }]));
  expect(result.variants).toEqual({ lost: 1, 'wrong try': 1 });
});

test('a clear of a running task gives its try a second id; of a task that never ran it begins no try', async () => {
  const commits = [
    ...RETRY.slice(0, 2),
    { id: 'b', old_id: 'a', state: 'restarting', try_number: 1, committed_ms: 2_500, writer: 'wt-api-core-1' },
    { id: 'c', old_id: 'b', state: null, try_number: 1, committed_ms: 3_000, writer: 'wt-api-core-1' },
    { id: 'c', state: 'scheduled', try_number: 2, committed_ms: 4_000 },
  ];
  const never = { ...KEY, task_id: 'never', task_instance_id: 'n', state: 'failed', try_number: 0 };
  const result = await judge({ ...stored([FIRST, never], { ...FINAL, id: 'c' }), commits });
  expect(result).toMatchObject({ verdict: 'unknown', violations: 0, exercised: 1 });
});

test('it passes where ten tries are kept', async () => {
  const tasks = many(10, (i) => `t${i}`);
  const result = await judge({
    commits: tasks.flatMap((task_id) =>
      RETRY.map((row) => ({
        ...row,
        task_id,
        id: row.id + task_id,
        ...('old_id' in row ? { old_id: `a${task_id}` } : {}),
      })),
    ),
    finals: {
      task_instance: tasks.map((task_id) => ({ ...FINAL, task_id, id: `b${task_id}` })),
      task_instance_history: tasks.map((task_id) => ({ ...FIRST, task_id, task_instance_id: `a${task_id}` })),
    },
  });
  expect(result).toMatchObject({ verdict: 'pass', exercised: 10 });
});

test('without a snapshot it is unknown', async () => {
  expect(await judge({ commits: RETRY })).toMatchObject({ verdict: 'unknown', violations: 0 });
});

test('a run that continues another knows only the tries of what began in it', async () => {
  const found = stored([{ ...FIRST, task_instance_id: 'x' }]);
  expect((await judge({ ...found, manifest: { continues: true } })).violations).toBe(0);
  const [first, ...others] = RETRY;
  const begun: LiteralRun = { ...found, commits: [{ ...first, change: 'insert' }, ...others] };
  expect((await judge({ ...begun, manifest: { continues: true } })).variants).toEqual({ 'wrong try': 1 });
});
