import { expect, test } from 'vitest';

import { judgeLiteral, many } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (run: LiteralRun) => judgeLiteral('hand-off-follows-queueing', run);

const QUEUED = { state: 'queued', committed_ms: 900, writer: 'wt-scheduler-1' } as const;
const RUNNING = { state: 'running', committed_ms: 1_050, writer: 'wt-api-execution-1' } as const;
const LATER = { relation: 'dag_run', committed_ms: 60_000 } as const;
const HANDED = { handed_ms: 1_000, scheduler: 'scheduler-1' } as const;

test('a second delivery while the first worker has the task, after one queueing, is a violation', async () => {
  const result = await judge({
    lives: [{ ...HANDED, deliveries: 2 }],
    operations: [{ op: 7, kind: 'run' }],
    commits: [QUEUED, RUNNING, LATER],
  });
  expect(result).toMatchObject({ verdict: 'fail', violations: 1, variants: { 'delivered twice at once': 1 } });
  expect(result.first).toMatchObject({ subject: 'wt_dag/run1/task', operations: [7], commits: [1] });
  expect(result.first?.sentence).toBe(
    'wt_dag/run1/task (try 1) was handed over 2 times, although it had been set to QUEUED only once: while worker ' +
      'w-1 had it, it was sent out again.',
  );
});

test('a second delivery after the first worker ended and one without queueing have their own variants', async () => {
  const again = { ...HANDED, worker: 'w-2', scheduler: 'scheduler-2', handed_ms: 3_000, deliveries: 2 };
  const result = await judge({ lives: [HANDED, again], commits: [QUEUED, RUNNING, LATER] });
  expect(result).toMatchObject({ violations: 1, variants: { 'delivered again': 1 } });
  expect(result.first?.sentence).toBe(
    'scheduler-2 handed wt_dag/run1/task (try 1) to worker w-2, 2.0 s after scheduler-1 had handed it over, although ' +
      'it had been set to QUEUED only once.',
  );
  const never = await judge({ lives: [HANDED], commits: [{ state: 'scheduled', committed_ms: 900 }, LATER] });
  expect(never.variants).toEqual({ 'never queued': 1 });
});

test('a delivery clearly before its commit is a violation', async () => {
  const result = await judge({ lives: [HANDED], commits: [{ ...QUEUED, committed_ms: 1_400 }, LATER] });
  expect(result.first).toMatchObject({ variant: 'before its commit', severity: 400 });
  expect((await judge({ lives: [HANDED], commits: [{ ...QUEUED, committed_ms: 1_100 }, LATER] })).violations).toBe(0);
});

test('a deferred task may be queued and delivered again', async () => {
  const result = await judge({
    lives: [HANDED, { ...HANDED, worker: 'w-2', handed_ms: 9_000, deliveries: 2 }],
    commits: [
      QUEUED,
      RUNNING,
      { state: 'deferred', committed_ms: 5_000 },
      { state: 'scheduled', committed_ms: 8_000 },
      { ...QUEUED, committed_ms: 8_900 },
      LATER,
    ],
  });
  expect(result).toMatchObject({ verdict: 'unknown', violations: 0, exercised: 2 });
});

test('a hand-over after the end of the commit stream is no violation', async () => {
  const result = await judge({ lives: [{ ...HANDED, handed_ms: 70_000 }], commits: [LATER] });
  expect(result.violations).toBe(0);
});

test('it passes where fifty tasks were each queued once and delivered once', async () => {
  const result = await judge({
    lives: many(50, (i) => ({ ...HANDED, ti_id: `ti-${i}`, task_id: `t${i}` })),
    commits: [...many(50, (i) => ({ ...QUEUED, id: `ti-${i}`, task_id: `t${i}` })), LATER],
  });
  expect(result).toMatchObject({ verdict: 'pass', exercised: 50 });
});

test('a workload that a fault played twice is no second delivery, and one that came twice still is', async () => {
  const copy = { ...HANDED, worker: 'w-2', started_ms: null, end: 'refused', duplicate_of: 1 } as const;
  const commits = [QUEUED, RUNNING, LATER];
  expect((await judge({ lives: [HANDED, copy], commits })).violations).toBe(0);
  const twice = await judge({ lives: [{ ...HANDED, deliveries: 2 }, copy], commits });
  expect(twice.variants).toEqual({ 'delivered twice at once': 1 });
  const again = await judge({ lives: [HANDED, copy, { ...HANDED, handed_ms: 5_000 }], commits });
  expect(again.variants).toEqual({ 'delivered again': 1 });
});
