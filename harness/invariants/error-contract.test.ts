import { expect, test } from 'vitest';

import { judgeLiteral, many } from '../judge/judge-literal.ts';
import type { LiteralRun } from '../judge/literal-run.ts';

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
  expect(result).toMatchObject({ verdict: 'fail', paths: { 'state 500': 1 } });
  expect(result.first?.sentence).toBe(
    'The state request of w-1 for wt_dag/run1/task was answered 500 («Internal server error»), which the API does not promise.',
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
  expect(result.last?.sentence).toContain('which the API does not promise.');
});

test('a 503 is right with Retry-After, and wrong without', async () => {
  const busy = { ...ERROR, status: 503, message: null };
  expect((await judge({ operations: [{ ...busy, retry_after: true }] })).first).toBeNull();
  const result = await judge({ operations: [{ ...busy, retry_after: false }] });
  expect(result.first?.sentence).toBe(
    'The state request of w-1 for wt_dag/run1/task was answered 503 without Retry-After: the client cannot know when to come back.',
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
  expect(await judge({ operations: many(100, () => ({})) })).toMatchObject({ verdict: 'pass', chances: 100 });
});

test('it is unknown when hardly anything was answered', async () => {
  const lost = many(100, () => ({ outcome: 'unknown', status: null }) as const);
  expect(await judge({ operations: [...lost, {}] })).toMatchObject({ verdict: 'unknown', chances: 1 });
});
