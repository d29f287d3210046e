import { expect, test } from 'vitest';

import { judgeLiteral, many } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (run: LiteralRun) => judgeLiteral('silent-deaths-are-noticed', run);

/** The last request of worker w-1 was answered at 4,005 ms; the time-out is 20 s, and 20 s more are allowed. */
const SIGN = { op: 3, sent_ms: 4_000 } as const;
const SILENT = { end: 'silent', ended_ms: 5_000 } as const;
const RUNNING = { state: 'running', committed_ms: 1_000, writer: 'wt-api-execution-1', change: 'insert' };
const FAILED = { state: 'up_for_retry', committed_ms: 27_000, writer: 'wt-scheduler-1' };

test('a task that stays in RUNNING after its worker died is a violation', async () => {
  const result = await judge({ operations: [SIGN], lives: [SILENT], commits: [RUNNING] });
  expect(result).toMatchObject({ verdict: 'fail', variants: { never: 1 } });
  expect(result.first).toMatchObject({ at_ms: 44_005, subject: 'wt_dag/run1/task', operations: [3] });
  expect(result.first?.sentence).toBe(
    'Worker w-1 died while it ran wt_dag/run1/task (try 1); 56.0 s after its last sign of life, when the load ended, ' +
      'the task was still RUNNING.',
  );
});

test('a task that leaves RUNNING too late is a violation', async () => {
  const result = await judge({
    operations: [SIGN],
    lives: [SILENT],
    commits: [RUNNING, { ...FAILED, committed_ms: 50_000 }],
  });
  expect(result.variants).toEqual({ late: 1 });
  expect(result.first?.commits).toEqual([2]);
});

test.each<[string, LiteralRun]>([
  ['it is missed in time', { commits: [RUNNING, FAILED] }],
  ['the load ended before', { manifest: { load_ended_ms: 40_000 } }],
  [
    'an operator cleared it',
    { commits: [RUNNING, { state: 'restarting', committed_ms: 9_000, writer: 'wt-api-core-1' }] },
  ],
  [
    'a scheduler was killed',
    { faults: [{ fault: 'kill', victim: 'scheduler-1', opened_ms: 6_000, closed_ms: 9_000 }] },
  ],
  ['the worker ended as it should', { lives: [{ end: 'reported' }] }],
])('it is no violation when %s', async (_when, run) => {
  expect((await judge({ operations: [SIGN], lives: [SILENT], commits: [RUNNING], ...run })).first).toBeNull();
});

test('it passes when two deaths were noticed, and is unknown with one', async () => {
  const run = (n: number): LiteralRun => ({
    operations: many(n, (i) => ({ ...SIGN, op: i, life: i + 1, ti_id: `${i}` })),
    lives: many(n, (i) => ({ ...SILENT, life: i + 1, ti_id: `${i}`, task_id: `t${i}` })),
    commits: many(n, (i) => [RUNNING, FAILED].map((row) => ({ ...row, id: `${i}`, task_id: `t${i}` }))).flat(),
  });
  expect(await judge(run(2))).toMatchObject({ verdict: 'pass', exercised: 2 });
  expect(await judge(run(1))).toMatchObject({ verdict: 'unknown', exercised: 1 });
});
