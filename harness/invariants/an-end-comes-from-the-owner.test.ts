import { expect, test } from 'vitest';

import { judgeLiteral, many } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (run: LiteralRun) => judgeLiteral('an-end-comes-from-the-owner', run);

const API = 'wt-api-execution-1';
const RUNNING = { state: 'running', committed_ms: 1_003, writer: API, row: { hostname: 'w-1' } } as const;
const TAKEN_BACK = { state: 'scheduled', committed_ms: 1_500, writer: 'wt-scheduler-1' } as const;
const QUEUED = { state: 'queued', committed_ms: 1_600, writer: 'wt-scheduler-1' } as const;
const SECOND = { state: 'running', committed_ms: 2_003, writer: API, row: { hostname: 'w-2' } } as const;
const ENDED = { state: 'success', committed_ms: 5_002, writer: API } as const;

const STARTS = [
  { op: 1, kind: 'run', sent_ms: 1_000 },
  { op: 2, kind: 'run', sent_ms: 2_000, life: 2, worker: 'w-2' },
  { op: 3, kind: 'heartbeat', sent_ms: 3_000, outcome: 'refused', status: 409, reason: 'running_elsewhere' },
] as const;
const END = { op: 4, kind: 'state', sent_ms: 5_000, status: 204, requested: 'success' } as const;
const COMMITS = [RUNNING, TAKEN_BACK, QUEUED, SECOND, ENDED];

test('a worker that was ordered to stop ends the task of the one that runs it', async () => {
  const result = await judge({ operations: [...STARTS, END], commits: COMMITS });
  expect(result).toMatchObject({ verdict: 'fail', violations: 1, variants: { success: 1 } });
  expect(result.first?.operations).toEqual([4]);
  expect(result.first?.sentence).toBe(
    'Worker w-1 reported SUCCESS for wt_dag/run1/task and the server accepted it, while worker w-2 was running the ' +
      'task, which it had started 3.0 s before.',
  );
});

test('the owner may be an impostor, of which the server accepted a start', async () => {
  const taken = { ...SECOND, committed_ms: 2_003, row: { hostname: 'w-1-impostor' } };
  const impostor = { op: 2, kind: 'impostor_run', sent_ms: 2_000, worker: 'w-1-impostor' } as const;
  const result = await judge({ operations: [STARTS[0], impostor, END], commits: [RUNNING, taken, ENDED] });
  expect(result).toMatchObject({ verdict: 'fail', violations: 1 });
});

test.each([
  ['it is the owner', {}, { life: 2, worker: 'w-2' }],
  ['a fault of ours gave the task to both', { lives: [{ life: 1 }, { life: 2, duplicate_of: 1 }] }, {}],
])('it is no violation if %s', async (_, run, who) => {
  const result = await judge({ operations: [...STARTS, { ...END, ...who }], commits: COMMITS, ...run });
  expect(result).toMatchObject({ violations: 0, exercised: 1 });
});

test('an end that was refused shows nothing, nor does one of a task without a known owner', async () => {
  const refused = { ...END, outcome: 'refused' as const, status: 409 };
  expect(await judge({ operations: [...STARTS, refused], commits: COMMITS })).toMatchObject({ exercised: 0 });
  expect(await judge({ operations: [END], commits: [ENDED] })).toMatchObject({ verdict: 'unknown', exercised: 0 });
});

test('it passes where twenty ends came from their owners', async () => {
  const ids = (i: number) => ({ ti_id: `ti-${i}`, task_id: `t${i}` });
  const result = await judge({
    operations: many(20, (i) => ({ ...END, op: 10 + i, ...ids(i) })),
    commits: many(20, (i) => [
      { ...RUNNING, ...ids(i), id: `ti-${i}` },
      { ...ENDED, ...ids(i), id: `ti-${i}` },
    ]).flat(),
  });
  expect(result).toMatchObject({ verdict: 'pass', exercised: 20 });
});
