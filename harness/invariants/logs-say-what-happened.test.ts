import { expect, test } from 'vitest';

import { judgeLiteral } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (run: LiteralRun) => judgeLiteral('logs-say-what-happened', run);

const TI = '01a227df-55b6-791d-92e1-189dc9b79030';
const RUNNING = { id: TI, state: 'running', committed_ms: 11_000, writer: 'wt-api-execution-1' };
const ENDED = { id: TI, state: 'success', committed_ms: 16_500, writer: 'wt-api-execution-1' };
/** Something later in the stream, so that it cannot be said to have ended early. */
const LATER = { relation: 'dag_run', id: '1', state: 'success', committed_ms: 90_000 };
const REPORT = {
  kind: 'state',
  ti_id: TI,
  requested: 'success',
  outcome: 'unknown',
  status: 500,
  sent_ms: 15_000,
  ended_ms: 15_100,
  correlation_id: 'c548e4ca-1434',
} as const;
const LINE = {
  at_ms: 15_200,
  source: 'api-execution-1',
  severity: 'ERROR',
  message:
    'Error updating Task Instance state. Setting the task to failed. [airflow.api_fastapi.execution_api.routes] ' +
    `correlation_id=c548e4ca-1434 loc=task_instances.py:400 payload=TISuccessStatePayload(…) ti_id=${TI}`,
};
const of = (line: object, ...commits: object[]): LiteralRun => ({
  operations: [REPORT],
  commits: [...commits, LATER],
  server_log: [{ ...LINE, ...line }],
});

test('a line that says failed of a task that succeeded with its next request is a violation', async () => {
  const result = await judge(of({}, RUNNING, ENDED));
  expect(result).toMatchObject({ verdict: 'fail', violations: 1, variants: { success: 1 }, exercised: 1 });
  expect(result.first).toMatchObject({ subject: 'wt_dag/run1/task', operations: [1], commits: [2] });
  expect(result.first?.sentence).toBe(
    'The log of api-execution-1 says that wt_dag/run1/task was set to FAILED; the request state of w-1 was answered ' +
      '500, but wt-api-execution-1 set it to SUCCESS 1.3 s later.',
  );
});

test('the line of a task that is failed is right, by whomever', async () => {
  expect(await judge(of({}, RUNNING, { ...ENDED, state: 'failed', committed_ms: 15_090 }))).toMatchObject({
    verdict: 'pass',
    exercised: 1,
  });
  // What an operator marks afterwards does not make it right.
  const marked = { ...ENDED, state: 'failed', committed_ms: 19_000, writer: 'wt-api-core-1' };
  expect((await judge(of({}, RUNNING, ENDED, marked))).variants).toEqual({ success: 1 });
});

test('a retry, a task that stays as it is and one that is deleted are no failures either', async () => {
  const retried = { ...ENDED, id: 'ti-2', old_id: TI, state: 'up_for_retry' };
  expect((await judge(of({}, RUNNING, retried))).variants).toEqual({ up_for_retry: 1 });
  const result = await judge(of({}, RUNNING));
  expect(result.variants).toEqual({ 'not ended': 1 });
  expect(result.first?.sentence).toMatch(/, but it stayed as it was\.$/);
  expect((await judge(of({}, RUNNING, { ...ENDED, change: 'delete', state: null }))).variants).toEqual({ deleted: 1 });
});

test('the line of 3.1, without the id of a request, is found by the id of the task', async () => {
  const message = `Error updating Task Instance state to success. Set the task to failed [airflow] ti_id=${TI}`;
  const result = await judge(of({ message }, RUNNING, ENDED));
  expect(result).toMatchObject({ variants: { success: 1 } });
  expect(result.first?.sentence).toMatch(/was set to FAILED, but wt-api-execution-1 set it to SUCCESS/);
});

test('where the log kept no id of the task, that of the request names it', async () => {
  const message = 'Setting the task to failed … correlation_id=c548e4ca-1434';
  expect((await judge(of({ message }, RUNNING, ENDED))).variants).toEqual({ success: 1 });
  expect(await judge(of({ message: 'Setting the task to failed' }, RUNNING, ENDED))).toMatchObject({
    verdict: 'unknown',
    exercised: 0,
  });
});

test('what a scheduler says of a task it must have done within a minute', async () => {
  const message =
    'Marking task as UP_FOR_RETRY. dag_id=wt_dag, task_id=task, run_id=run1, logical_date=20261129T153800, ' +
    'start_date=20261129T153948, end_date=20261129T154057 [airflow.models.taskinstance] loc=taskinstance.py:1616';
  const line = { source: 'scheduler-1', message, severity: 'INFO' };
  const retried = { ...ENDED, id: 'ti-2', old_id: TI, state: 'up_for_retry', writer: 'wt-scheduler-1' };
  expect((await judge(of(line, RUNNING, { ...retried, committed_ms: 15_000 }))).first).toBeNull();
  expect((await judge(of(line, RUNNING, retried))).first).toBeNull();
  expect((await judge(of(line, RUNNING, ENDED))).first?.sentence).toBe(
    'The log of scheduler-1 says that wt_dag/run1/task was set to UP_FOR_RETRY, but wt-api-execution-1 set it to ' +
      'SUCCESS 1.3 s later.',
  );
  const other = message.replace('task_id=task,', 'task_id=task, map_index=3,').replace('run1, ', 'run1, map_index=3, ');
  expect((await judge(of({ ...line, message: other.replace(' map_index=3,', '') }, RUNNING, ENDED))).variants).toEqual({
    'not ended': 1,
  });
});

test('what was logged when the record of commits was about to end is not judged', async () => {
  const run = of({}, RUNNING);
  expect((await judge({ ...run, commits: [RUNNING, { ...LATER, committed_ms: 16_000 }] })).first).toBeNull();
});

test('what was logged as the record began may have been done before it', async () => {
  const message =
    'Marking task as FAILED. dag_id=wt_dag, task_id=task, run_id=run1, logical_date=20261130T235400, ' +
    'start_date=20261130T235438, end_date=20261130T235459 [airflow.models.taskinstance] loc=taskinstance.py:1616';
  const line = { source: 'scheduler-1', message, severity: 'INFO', at_ms: 2_500 };
  expect(await judge(of(line))).toMatchObject({ verdict: 'unknown', exercised: 0, violations: 0 });
  const cleared = { ...RUNNING, state: 'restarting', committed_ms: 3_000, writer: 'wt-api-core-1' };
  expect((await judge(of(line, cleared))).first).toBeNull();
  const failed = { ...ENDED, state: 'failed', committed_ms: 2_000, writer: 'wt-scheduler-1' };
  expect(await judge(of(line, { ...RUNNING, committed_ms: 1_000 }, failed))).toMatchObject({
    verdict: 'pass',
    exercised: 1,
  });
});

test('a log that says nothing of the kind leaves it unknown', async () => {
  const quiet = { message: 'Cannot update Task Instance in invalid state', severity: 'WARNING' };
  expect(await judge(of(quiet, RUNNING, ENDED))).toMatchObject({ verdict: 'unknown', exercised: 0 });
});
