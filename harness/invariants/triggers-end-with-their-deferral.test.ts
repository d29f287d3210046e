import { expect, test } from 'vitest';

import { judgeLiteral, many } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (run: LiteralRun) => judgeLiteral('triggers-end-with-their-deferral', run);

const CLASSPATH = 'airflow.providers.standard.triggers.file.FileTrigger';
const TRIGGER = { id: 5, classpath: CLASSPATH, created_date: '2026-11-21T10:00:02+00:00' };
const TASK = { id: 'ti-1', dag_id: 'wt_dag', run_id: 'run1', task_id: 'task', map_index: -1, try_number: 1 };
const xcom = [{ dag_id: 'wt_dag', key: 'return_value' }];

/** Task instances that were deferred at 2 s and resumed at 4 s; the record ends at 60 s. */
const resumed = (n: number) => [
  ...many(n, (i) => [
    { task_id: `t${i}`, id: `${i}`, state: 'deferred', committed_ms: 2_000, writer: 'wt-api-execution-1' },
    { task_id: `t${i}`, id: `${i}`, state: 'scheduled', committed_ms: 4_000, writer: 'wt-triggerer-1' },
  ]).flat(),
  { task_id: 'last', id: 'last', state: 'success', committed_ms: 60_000 },
];

test('a trigger that no task waits for is a violation', async () => {
  const finals = { task_instance: [{ ...TASK, state: 'success', trigger_id: null }], trigger: [TRIGGER], xcom };
  const result = await judge({ commits: resumed(1), finals });
  expect(result).toMatchObject({ verdict: 'fail', variants: { 'without a task': 1 } });
  expect(result.first).toMatchObject({ at_ms: 2_000, subject: 'trigger 5', severity: 58_000 });
  expect(result.first?.sentence).toBe(
    'Trigger 5 was still there 58.0 s after it was created, and no task instance waited for it.',
  );
});

test('a trigger of a task that was skipped is a violation', async () => {
  const finals = { task_instance: [{ ...TASK, state: 'skipped', trigger_id: 5 }], trigger: [TRIGGER], xcom };
  const result = await judge({ commits: resumed(1), finals });
  expect(result.variants).toEqual({ 'of a task that is skipped': 1 });
  expect(result.first?.subject).toBe('wt_dag/run1/task');
});

test.each<[string, object]>([
  ['its task is deferred', { task_instance: [{ ...TASK, state: 'deferred', trigger_id: 5 }], trigger: [TRIGGER] }],
  ['it is young', { task_instance: [TASK], trigger: [{ ...TRIGGER, created_date: '2026-11-21T10:00:50+00:00' }] }],
  ['it watches an asset', { task_instance: [TASK], trigger: [{ ...TRIGGER, classpath: 'their.own.Trigger' }] }],
])('a trigger may be there when %s', async (_when, finals) => {
  expect((await judge({ commits: resumed(1), finals: { ...finals, xcom } })).first).toBeNull();
});

test('while a triggerer that died is started again, no process deletes triggers', async () => {
  const finals = { task_instance: [TASK], trigger: [TRIGGER], xcom };
  const died = (at_ms: number) => [{ at_ms, source: 'triggerer', severity: 'FATAL', message: 'it ended with code 1' }];
  expect((await judge({ commits: resumed(1), finals, server_log: died(30_000) })).first).toBeNull();
  expect((await judge({ commits: resumed(1), finals, server_log: died(-5_000) })).violations).toBe(1);
});

test('it passes when five deferrals ended and left none, and is unknown with fewer or without a snapshot', async () => {
  const finals = { task_instance: [TASK], xcom };
  expect(await judge({ commits: resumed(5), finals })).toMatchObject({ verdict: 'pass', exercised: 5 });
  expect(await judge({ commits: resumed(4), finals })).toMatchObject({ verdict: 'unknown', exercised: 4 });
  expect(await judge({ commits: resumed(5), finals: { task_instance: [TASK] } })).toMatchObject({ verdict: 'unknown' });
});
