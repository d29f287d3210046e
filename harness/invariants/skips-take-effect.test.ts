import { expect, test } from 'vitest';

import { judgeLiteral, many } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (run: LiteralRun) => judgeLiteral('skips-take-effect', run);

const API = 'wt-api-execution-1';
/** Branch `pick` skips task `task`. */
const SKIP = {
  op: 50,
  life: 2,
  worker: 'w-2',
  kind: 'skip_downstream',
  task_id: 'pick',
  ti_id: 'ti-pick',
  target: 'task',
  sent_ms: 5_000,
  ended_ms: 5_040,
} as const;
const MADE = { state: null, change: 'insert', committed_ms: 100, writer: 'wt-api-core-1' };
const SKIPPED = { state: 'skipped', committed_ms: 5_020, writer: API };

test('a task that had not begun and stays as it was is a violation, by the state it was in', async () => {
  const later = { state: 'scheduled', committed_ms: 6_000, writer: 'wt-scheduler-1' };
  const result = await judge({ operations: [SKIP], commits: [MADE, later] });
  expect(result).toMatchObject({ verdict: 'fail', violations: 1, variants: { none: 1 } });
  expect(result.first).toMatchObject({ at_ms: 5_040, subject: 'wt_dag/run1/task', operations: [50], commits: [2] });
  expect(result.first?.sentence).toBe(
    'Branch task pick (worker w-2) skipped task task of wt_dag/run1, and the server accepted it, but the task stayed ' +
      'NONE and became SCHEDULED afterwards.',
  );
  for (const state of ['scheduled', 'queued', 'up_for_retry', 'up_for_reschedule']) {
    const waiting = { state, committed_ms: 2_000 };
    expect((await judge({ operations: [SKIP], commits: [MADE, waiting] })).variants).toEqual({ [state]: 1 });
  }
});

test('a task that started or ended before the skip, or perhaps during it, is no violation', async () => {
  for (const state of ['running', 'success', 'failed', 'deferred']) {
    const begun = { state, committed_ms: 2_000 };
    expect((await judge({ operations: [SKIP], commits: [MADE, begun] })).violations).toBe(0);
    const during = { state, committed_ms: 5_010 };
    expect((await judge({ operations: [SKIP], commits: [MADE, during] })).violations).toBe(0);
  }
});

test('a skipped task that a scheduler takes up again is a violation', async () => {
  const revived = { state: 'scheduled', committed_ms: 5_500, writer: 'wt-scheduler-2' };
  const result = await judge({ operations: [SKIP], commits: [MADE, SKIPPED, revived] });
  expect(result.variants).toEqual({ 'skipped, then scheduled': 1 });
  expect(result.first).toMatchObject({ severity: 480, operations: [50], commits: [2, 3] });
  expect(result.first?.sentence).toBe(
    'Branch task pick (worker w-2) skipped task task of wt_dag/run1; 0.5 s later wt-scheduler-2 set it from SKIPPED ' +
      'to SCHEDULED.',
  );
});

test('a skipped task that an operator clears may run', async () => {
  const cleared = { id: 'ti-2', old_id: 'ti-1', state: null, committed_ms: 6_000, writer: 'wt-api-core-1' };
  const run = { id: 'ti-2', state: 'scheduled', committed_ms: 7_000, writer: 'wt-scheduler-1' };
  expect((await judge({ operations: [SKIP], commits: [MADE, SKIPPED, cleared, run] })).violations).toBe(0);
});

test('a skip that was refused has no effect to take', async () => {
  const result = await judge({ operations: [{ ...SKIP, outcome: 'refused', status: 404 }], commits: [MADE] });
  expect(result).toMatchObject({ verdict: 'unknown', violations: 0, exercised: 0 });
});

test('it passes where ten waiting tasks were skipped', async () => {
  const tasks = many(10, (i) => `t${i}`);
  const result = await judge({
    operations: [{ ...SKIP, target: tasks.join(' ') }],
    commits: tasks.flatMap((task_id) => [
      { ...MADE, id: task_id, task_id },
      { ...SKIPPED, id: task_id, task_id },
    ]),
  });
  expect(result).toMatchObject({ verdict: 'pass', exercised: 10 });
});
