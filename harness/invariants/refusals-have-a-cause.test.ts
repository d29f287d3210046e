import { expect, test } from 'vitest';

import { judgeLiteral, many } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (run: LiteralRun) => judgeLiteral('refusals-have-a-cause', run);

const REFUSED = { outcome: 'refused', status: 409, reason: 'not_running', found_state: 'skipped' } as const;
const STARTED = [
  { change: 'insert', state: 'queued', committed_ms: 500, writer: 'wt-scheduler-1' },
  { state: 'running', committed_ms: 900, row: { hostname: 'w-1' }, writer: 'wt-api-execution-1' },
] as const;
const SKIPPED = { state: 'skipped', committed_ms: 3_000, row: { hostname: 'w-1' }, writer: 'wt-api-execution-1' };
const refusals = many(6, (i) => ({ ...REFUSED, sent_ms: 5_000 + i }));

test('refusals of a task that had been skipped before have a cause', async () => {
  const result = await judge({ operations: refusals, commits: [...STARTED, SKIPPED] });
  expect(result).toMatchObject({ verdict: 'pass', exercised: 6 });
});

test('a task that ran all the while and was refused is a violation that names the request', async () => {
  const result = await judge({ operations: [{ ...REFUSED, sent_ms: 5_000 }], commits: STARTED });
  expect(result).toMatchObject({ verdict: 'fail', violations: 1, variants: { 'heartbeat 409': 1 } });
  expect(result.first).toMatchObject({ subject: 'wt_dag/run1/task', operations: [1] });
  expect(result.first?.sentence).toContain('in a state that accepts it during the whole request');
});

test('a refusal that the record does not reach is no violation', async () => {
  const run = { operations: refusals, commits: STARTED, manifest: { ended: null } };
  expect(await judge(run)).toMatchObject({ verdict: 'unknown', violations: 0, exercised: 0 });
});

test('a 5xx, a bad token and a bad request are judged by other invariants', async () => {
  const operations = [500, 403, 422].map((status) => ({ ...REFUSED, status }));
  expect(await judge({ operations, commits: STARTED })).toMatchObject({ verdict: 'unknown', violations: 0 });
});
