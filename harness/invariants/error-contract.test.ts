import { expect, test } from 'vitest';

import { judgeLiteral, many } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (run: LiteralRun) => judgeLiteral('error-contract', run);

const ERROR = {
  op: 9,
  kind: 'state',
  outcome: 'unknown',
  status: 500,
  message: 'Internal server error',
  sent_ms: 9_000,
  ended_ms: 9_100,
} as const;

test('a 500 is a violation that says which request got which answer', async () => {
  const result = await judge({ operations: [ERROR] });
  expect(result).toMatchObject({ verdict: 'fail', variants: { 'state 500': 1 } });
  expect(result.first?.sentence).toBe(
    'The state request of w-1 for wt_dag/run1/task was answered 500 («Internal server error»), which the API ' +
      'contract does not allow.',
  );
});

test('a 500 that a deadlock on its task explains says so', async () => {
  const server_log = [
    {
      at_ms: 9_050,
      source: 'postgres',
      sqlstate: '40P01',
      pid: 1,
      application_name: 'wt-api-execution-1',
      detail: "Process 1 waits for x; blocked by process 2.\nProcess 1: UPDATE a SET id = 'ti-1'\nProcess 2: UPDATE b",
    },
  ];
  const result = await judge({
    operations: [ERROR, { ...ERROR, op: 10, ti_id: 'ti-9', task_id: 'other', ended_ms: 9_101 }],
    server_log,
  });
  expect(result.violations).toBe(2);
  expect(result.first?.sentence).toMatch(
    /PostgreSQL reported a deadlock \(an unknown process × api-execution\) on that task at that moment\.$/,
  );
  expect(result.last?.sentence).toContain('which the API contract does not allow.');
});

test('a 500 for a task that got a new try or was deleted during the request has a variant of its own', async () => {
  const clear = {
    ...ERROR,
    actor: 'operator',
    kind: 'clear',
    dag_id: 'wt_dag',
    run_id: 'run1',
    task_id: 'task',
  } as const;
  const another = { id: 'ti-2', old_id: 'ti-1', state: null, committed_ms: 9_050 };
  const replaced = await judge({ operations: [clear], commits: [another] });
  expect(replaced.variants).toEqual({ 'clear 500, new try during the request': 1 });
  expect(replaced.first).toMatchObject({ operations: [9], commits: [1] });
  expect(replaced.first?.sentence).toMatch(/: its task had been given another try by then, which calls for a 409\.$/);
  const variants = async (commit: object) => (await judge({ operations: [clear], commits: [commit] })).variants;
  expect(await variants({ ...another, committed_ms: 8_000 })).toEqual({ 'clear 500': 1 });
  expect(await variants({ ...another, task_id: 'other' })).toEqual({ 'clear 500': 1 });
  expect(await variants({ state: 'running', committed_ms: 9_050 })).toEqual({ 'clear 500': 1 });
  const gone = await judge({
    operations: [{ ...ERROR, kind: 'rtif' }],
    commits: [
      { state: 'running', committed_ms: 1_000 },
      { change: 'delete', committed_ms: 9_020 },
    ],
  });
  expect(gone.variants).toEqual({ 'rtif 500, task deleted during the request': 1 });
});

test('a 503 is right with Retry-After, and wrong without', async () => {
  const busy = { ...ERROR, status: 503, message: null };
  expect((await judge({ operations: [{ ...busy, retry_after: true }] })).first).toBeNull();
  const result = await judge({ operations: [{ ...busy, retry_after: false }] });
  expect(result.first?.sentence).toBe(
    'The state request of w-1 for wt_dag/run1/task was answered 503 without Retry-After: the client cannot know when ' +
      'to come back.',
  );
});

test('a 400 is for operators of the public API, not for workers', async () => {
  const bad = { outcome: 'refused', status: 400 } as const;
  expect((await judge({ operations: [{ ...bad, actor: 'operator', kind: 'backfill' }] })).first).toBeNull();
  expect((await judge({ operations: [bad] })).violations).toBe(1);
});

test.each([200, 201, 204, 401, 403, 404, 409, 410, 422])('%d is an answer that the contract knows', async (status) => {
  expect((await judge({ operations: [{ status, outcome: status < 300 ? 'ok' : 'refused' }] })).first).toBeNull();
});

test.each([301, 405, 418, 429, 502])('%d is not', async (status) => {
  expect((await judge({ operations: [{ status, outcome: 'refused' }] })).violations).toBe(1);
});

test('a message with quotes, markup and line breaks stays one line of text', async () => {
  const result = await judge({ operations: [{ ...ERROR, message: `<b>"it's"\n{}</b>` }] });
  expect(result.first?.sentence).toContain(`(«<b>"it's" {}</b>»)`);
});

test('it passes when enough requests were answered as promised', async () => {
  expect(await judge({ operations: many(100, () => ({})) })).toMatchObject({ verdict: 'pass', exercised: 100 });
});

test('it is unknown when hardly anything was answered', async () => {
  const lost = many(100, () => ({ outcome: 'unknown', status: null }) as const);
  expect(await judge({ operations: [...lost, {}] })).toMatchObject({ verdict: 'unknown', exercised: 1 });
});

test.each(['restart-postgres', 'exhaust-connections'])('while %s is open, 5xx is the right answer', async (fault) => {
  const faults = [{ window: 1, fault, victim: 'postgres', opened_ms: 8_000, closed_ms: 9_050 }];
  expect((await judge({ operations: [ERROR], faults })).first).toBeNull();
  expect((await judge({ operations: [{ ...ERROR, status: 503, retry_after: false }], faults })).first).toBeNull();
  // Neither before it, nor when it has been over for longer than a request was under way.
  expect((await judge({ operations: [{ ...ERROR, sent_ms: 7_000, ended_ms: 7_500 }], faults })).violations).toBe(1);
  expect((await judge({ operations: [{ ...ERROR, sent_ms: 11_100, ended_ms: 11_200 }], faults })).violations).toBe(1);
});

test('a cut connection excuses neither another process, nor an answer outside the contract', async () => {
  const of = (victim: string, fault = 'kill-backend') => [
    { window: 1, fault, victim, opened_ms: 8_900, closed_ms: 9_500 },
  ];
  const operator = { ...ERROR, actor: 'operator', kind: 'clear' } as const;
  expect((await judge({ operations: [ERROR], faults: of('api-execution-1') })).first).toBeNull();
  expect((await judge({ operations: [operator], faults: of('api-core-1') })).first).toBeNull();
  expect((await judge({ operations: [ERROR], faults: of('api-core-1') })).violations).toBe(1);
  expect((await judge({ operations: [operator], faults: of('api-execution-1') })).violations).toBe(1);
  expect((await judge({ operations: [ERROR], faults: of('scheduler-1', 'terminate-connections') })).violations).toBe(1);
  const wrong = { ...ERROR, outcome: 'refused', status: 418 } as const;
  expect((await judge({ operations: [wrong], faults: of('api-execution-1') })).violations).toBe(1);
});

test.each(['wire-cut', 'wire-reset', 'lost-commit', 'lost-commit-answer'])(
  '%s is an excuse for the process that lost its connection, and for no other',
  async (fault) => {
    const of = (victim: string) => [{ window: 1, fault, victim, opened_ms: 8_900, closed_ms: 9_500 }];
    expect((await judge({ operations: [ERROR], faults: of('api-execution-1') })).first).toBeNull();
    expect((await judge({ operations: [ERROR], faults: of('scheduler-1') })).violations).toBe(1);
  },
);

test.each(['pause', 'kill', 'slow-cpu', 'slow-disk', 'bystander-lock', 'wire-delay', 'wire-latency'])(
  '%s cuts nothing, and excuses no 5xx',
  async (fault) => {
    const victim = fault.startsWith('slow-disk') || fault.startsWith('bystander') ? 'postgres' : 'api-execution-1';
    const faults = [{ window: 1, fault, victim, opened_ms: 8_000, closed_ms: 20_000 }];
    expect((await judge({ operations: [ERROR], faults })).violations).toBe(1);
  },
);

test("a deadlock with a bystander is not the build's, one beside it is", async () => {
  const deadlock = (other: string) => ({
    operations: [ERROR],
    server_log: [
      {
        at_ms: 9_050,
        source: 'postgres',
        sqlstate: '40P01',
        pid: 1,
        application_name: 'wt-api-execution-1',
        detail:
          "Process 1 waits for x; blocked by process 2.\nProcess 1: UPDATE a SET id = 'ti-1'\nProcess 2: SELECT b",
      },
    ],
    backends: [{ at_ms: 1, pid: 2, application_name: other }],
  });
  expect((await judge(deadlock('wt-bystander'))).violations).toBe(0);
  expect((await judge(deadlock('wt-scheduler-1'))).violations).toBe(1);
});

const HEARTBEAT = 'UPDATE task_instance SET last_heartbeat_at = now() WHERE id = $1';

const answered = (sqlstate: string, row: object = {}) => ({
  at_ms: 9_010,
  source: 'wire',
  pid: 41,
  application_name: 'wt-api-execution-1',
  severity: 'ERROR',
  sqlstate,
  statement: "UPDATE task_instance SET state='success' WHERE task_instance.id = 'ti-1'",
  ...row,
});

test('a 5xx to an error that a fault answered is wrong if the same again may succeed, else right', async () => {
  for (const sqlstate of ['40P01', '40001', '55P03']) {
    const result = await judge({ operations: [ERROR], server_log: [answered(sqlstate)] });
    expect(result.variants).toEqual({ 'state 500 to a retryable error': 1 });
    expect(result.first?.sentence).toMatch(
      new RegExp(`: a fault had answered its statement with ${sqlstate}, which calls for a 503 with Retry-After\\.$`),
    );
  }
  for (const sqlstate of ['57014', '25006'])
    expect((await judge({ operations: [ERROR], server_log: [answered(sqlstate)] })).first).toBeNull();
  const busy = { ...ERROR, status: 503, retry_after: true };
  expect((await judge({ operations: [busy], server_log: [answered('40P01')] })).first).toBeNull();
});

test('of two requests about one task each met one of two answers', async () => {
  const twice = [ERROR, { ...ERROR, op: ERROR.op + 1, sent_ms: ERROR.sent_ms + 1, ended_ms: ERROR.ended_ms + 1 }];
  const one = { operations: twice, server_log: [answered('57014')] };
  expect((await judge(one)).variants).toEqual({ 'state 500': 1 });
  const each = { operations: twice, server_log: [answered('57014'), answered('57014', { at_ms: 9_011, pid: 42 })] };
  expect((await judge(each)).variants).toEqual({});
});

test('what an end report writes for a task is not taken for the deletion of fields of another run of it', async () => {
  const fields = { ...ERROR, op: 10, kind: 'rtif', run_id: 'run2', ti_id: 'ti-2', sent_ms: ERROR.sent_ms + 1 } as const;
  const operations = [ERROR, { ...fields, ended_ms: ERROR.ended_ms - 1 }];
  const log = { statement: "INSERT INTO log (run_id, …) VALUES ('wt_dag', 'task', 'run1')" };
  const deletion = { at_ms: 9_011, pid: 42, statement: "DELETE … WHERE dag_id = 'wt_dag' AND task_id = 'task'" };
  const result = await judge({ operations, server_log: [answered('57014', log), answered('57014', deletion)] });
  expect(result.variants).toEqual({});
});

test('of two DAGs with a run of one name, an answered statement is that of the one that it names', async () => {
  const result = { ...ERROR, kind: 'xcom_push', run_id: 'backfill__2026', task_id: 'only' } as const;
  const other = { ...result, op: 10, dag_id: 'wt_other', ti_id: 'ti-2', ended_ms: ERROR.ended_ms - 1, status: 201 };
  const statement = "INSERT INTO xcom VALUES ('only', 'wt_dag', 'backfill__2026')";
  const run = {
    operations: [result, { ...other, outcome: 'ok' as const }],
    server_log: [answered('57014', { statement })],
  };
  expect((await judge(run)).variants).toEqual({});
});

test('an answered statement that names nothing is that of a request that was then answered 5xx', async () => {
  const beside = { ...ERROR, op: 10, ti_id: 'ti-2', task_id: 'other', status: 204, outcome: 'ok' as const };
  const [first, second] = [answered('57014', { statement: HEARTBEAT }), { at_ms: 9_011, pid: 42 }];
  const variants = async (operations: NonNullable<LiteralRun['operations']>, answers: readonly object[]) =>
    (await judge({ operations, server_log: answers.map((one) => ({ ...first, ...one })) })).variants;
  expect(await variants([ERROR, beside], [{}])).toEqual({});
  expect(await variants([ERROR, beside], [{ sqlstate: '40P01' }])).toEqual({ 'state 500 to a retryable error': 1 });
  const twice = [ERROR, { ...ERROR, op: 11, ti_id: 'ti-3', task_id: 'third', ended_ms: ERROR.ended_ms + 1 }];
  expect(await variants(twice, [{}])).toEqual({ 'state 500': 1 });
  expect(await variants(twice, [{}, second])).toEqual({});
});

test('an answered statement is that of the request that it names, or of the only one', async () => {
  const other = { ...ERROR, op: 10, ti_id: 'ti-2', task_id: 'other' };
  const variants = async (operations: NonNullable<LiteralRun['operations']>, row: object) =>
    (await judge({ operations, server_log: [answered('57014', row)] })).variants;
  // The one that it names is right; the other met no error of ours.
  expect(await variants([ERROR, other], {})).toEqual({ 'state 500': 1 });
  expect(await variants([ERROR], { statement: 'COMMIT' })).toEqual({});
  expect(await variants([ERROR, other], { statement: 'COMMIT' })).toEqual({ 'state 500': 1 });
  const trigger = { ...ERROR, actor: 'operator', kind: 'trigger', dag_id: 'wt_dag' } as const;
  const inserted = { application_name: 'wt-api-core-1', statement: "INSERT INTO dag_run (dag_id) VALUES ('wt_dag')" };
  expect(await variants([trigger, { ...trigger, op: 11, dag_id: 'wt_other' }], inserted)).toEqual({ 'trigger 500': 1 });
  const clear = { ...ERROR, op: 12, actor: 'operator', kind: 'clear', run_id: 'run1', task_id: null } as const;
  const moved = {
    application_name: 'wt-api-core-1',
    statement: "UPDATE task_instance SET state=NULL WHERE run_id = 'run1'",
  };
  expect(await variants([clear, { ...clear, op: 13, run_id: 'other' }], moved)).toEqual({ 'clear 500': 1 });
  const fields = { ...ERROR, op: 14, kind: 'rtif', dag_id: 'wt_dag', task_id: 'one' } as const;
  const deleted = { statement: "DELETE FROM fields WHERE dag_id = 'wt_dag' AND task_id = 'one' AND run_id NOT IN …" };
  const others = [{ ...fields, op: 15, task_id: 'on' }, { ...fields, op: 16, kind: 'state' } as const];
  expect(await variants([fields, ...others], deleted)).toEqual({ 'rtif 500': 1, 'state 500': 1 });
  // Neither of another process, nor before the request.
  expect(await variants([ERROR], { application_name: 'wt-scheduler-1' })).toEqual({ 'state 500': 1 });
  expect(await variants([ERROR], { at_ms: 8_000 })).toEqual({ 'state 500': 1 });
});
