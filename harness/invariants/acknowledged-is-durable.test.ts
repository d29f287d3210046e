import { expect, test } from 'vitest';

import { judgeLiteral, many } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (run: LiteralRun) => judgeLiteral('acknowledged-is-durable', run);

const REPORT = { op: 1, kind: 'state', requested: 'success', status: 204, sent_ms: 5_000, ended_ms: 5_020 } as const;
const RUNNING = { state: 'running', committed_ms: 1_000, writer: 'wt-api-execution-1' };
const ENDED = { state: 'success', committed_ms: 5_010, writer: 'wt-api-execution-1' };
/** Something later in the stream, so that it cannot be said to have ended early. */
const LATER = { relation: 'dag_run', id: '1', state: 'success', committed_ms: 9_000 };

test('an accepted end that was never committed is a violation', async () => {
  const result = await judge({ operations: [REPORT], commits: [RUNNING, LATER] });
  expect(result).toMatchObject({ verdict: 'fail', variants: { 'never committed': 1 } });
  expect(result.first).toMatchObject({ operations: [1], subject: 'wt_dag/run1/task' });
  expect(result.first?.sentence).toBe(
    'Worker w-1 reported SUCCESS for wt_dag/run1/task and the server accepted it, but the state was never committed.',
  );
});

test('an accepted end that was committed as FAILED after a database error is found in the server’s log', async () => {
  const correlation_id = 'e27a3e97-ffde-48ed-814e-08b9c85176ff';
  const logged = (id: string) => ({
    at_ms: 5_008,
    source: 'api-execution-1',
    message:
      'Error updating Task Instance state. Setting the task to failed. [airflow] ' +
      `correlation_id=${id} loc=task_instances.py:469`,
  });
  const run = (id: string): LiteralRun => ({
    operations: [{ ...REPORT, correlation_id }],
    commits: [RUNNING, { ...ENDED, state: 'failed' }, LATER],
    server_log: [logged(id)],
  });
  const result = await judge(run(correlation_id));
  expect(result.variants).toEqual({ 'taken as a failure': 1 });
  expect(result.first?.sentence).toBe(
    'Worker w-1 reported SUCCESS for wt_dag/run1/task and the server accepted it, but it had met an error in the ' +
      'database and committed FAILED.',
  );
  expect((await judge(run('e27a3e97-ffde-48ed-814e-000000000000'))).variants).toEqual({ 'never committed': 1 });
});

test('an end that was committed after the end of the stream is no violation', async () => {
  const commits = [RUNNING, { ...LATER, committed_ms: 6_000 }];
  expect((await judge({ operations: [REPORT], commits })).first).toBeNull();
});

test('an end that Airflow itself shows after settling is durable, whatever the stream missed', async () => {
  const finals = { task_instance: [{ id: 'ti-1', state: 'success' }] };
  expect((await judge({ operations: [REPORT], commits: [RUNNING, LATER], finals })).first).toBeNull();
});

test('an accepted end that a skip takes away is a violation by the variant of the skip', async () => {
  const skip = {
    op: 2,
    kind: 'skip_downstream',
    target: 'task',
    task_id: 'pick',
    sent_ms: 6_000,
    ended_ms: 6_020,
  } as const;
  const undone = { state: 'skipped', committed_ms: 6_010, writer: 'wt-api-execution-1' };
  const result = await judge({ operations: [REPORT, skip], commits: [RUNNING, ENDED, undone, LATER] });
  expect(result.variants).toEqual({ 'skip-downstream': 1 });
  expect(result.first).toMatchObject({ operations: [1, 2], commits: [3] });
  expect(result.first?.sentence).toContain(
    'the server accepted it; 1.0 s later a skip-downstream through wt-api-execution-1 changed it to SKIPPED.',
  );
});

test('an accepted end that a scheduler takes away is a violation', async () => {
  const undone = { id: 'ti-2', old_id: 'ti-1', state: 'up_for_retry', committed_ms: 6_010, writer: 'wt-scheduler-1' };
  const result = await judge({ operations: [REPORT], commits: [RUNNING, ENDED, undone, LATER] });
  expect(result.variants).toEqual({ 'executor event': 1 });
});

const CLEARED = { id: 'ti-2', old_id: 'ti-1', state: null, committed_ms: 7_000 };

test('an operator may clear what has ended', async () => {
  const commits = [RUNNING, ENDED, { ...CLEARED, writer: 'wt-api-core-1' }, LATER];
  expect((await judge({ operations: [REPORT], commits })).first).toBeNull();
});

test('where no writer is known, a clear of the run at that moment is the operator’s', async () => {
  const clear = {
    actor: 'operator',
    kind: 'clear',
    dag_id: 'wt_dag',
    run_id: 'run1',
    sent_ms: 6_990,
    ended_ms: 7_020,
  } as const;
  const commits = [RUNNING, { ...ENDED, writer: null }, CLEARED, LATER];
  expect((await judge({ operations: [REPORT, clear], commits })).first).toBeNull();
  expect((await judge({ operations: [REPORT], commits })).variants).toEqual({ 'unknown writer': 1 });
});

test('the replay of a report after a lost answer is no second end', async () => {
  const lost = { ...REPORT, outcome: 'unknown', status: null, cause: 'answer-dropped' } as const;
  const replay = { ...REPORT, op: 2, attempt: 2, sent_ms: 6_000, ended_ms: 6_010 };
  const refused = { ...replay, outcome: 'refused', status: 409, found_state: 'success' } as const;
  const commits = [RUNNING, ENDED, LATER];
  expect((await judge({ operations: [lost, refused], commits })).first).toBeNull();
  expect((await judge({ operations: [lost, replay], commits })).first).toBeNull();
});

test('it passes when enough ends were accepted and kept', async () => {
  expect(await judge(ends(20))).toMatchObject({ verdict: 'pass', exercised: 20 });
});

test('it is unknown when hardly anything ended', async () => {
  expect(await judge(ends(19))).toMatchObject({ verdict: 'unknown', exercised: 19 });
});

function ends(n: number): LiteralRun {
  return {
    operations: many(n, (i) => ({ ...REPORT, op: i, ti_id: `ti-${i}`, task_id: `t${i}` })),
    commits: [...many(n, (i) => ({ ...ENDED, id: `ti-${i}`, task_id: `t${i}` })), LATER],
  };
}
