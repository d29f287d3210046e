import { expect, test } from 'vitest';

import { judgeLiteral, many } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (run: LiteralRun) => judgeLiteral('pool-slots-are-kept', run);

const scenario = { pool_slots: 2 };

function queued(i: number, committed_ms: number, writer = 'wt-scheduler-1', more: object = {}) {
  return { id: `ti-${i}`, task_id: `t${i}`, state: 'queued', committed_ms, writer, ...more };
}

test('a task that is queued when no slot is free is a violation', async () => {
  const result = await judge({
    scenario,
    commits: [queued(1, 1_000), queued(2, 1_500), queued(3, 2_000, 'wt-scheduler-2')],
  });
  expect(result).toMatchObject({ verdict: 'fail', violations: 1, variants: { scheduler: 1 } });
  expect(result.first).toMatchObject({ at_ms: 2_000, subject: 'wt_dag/run1/t3', severity: 1, commits: [3] });
  expect(result.first?.sentence).toBe(
    'wt-scheduler-2 took 1 slots more, so that 3 task instances were QUEUED or RUNNING at once in a pool of 2 slots; ' +
      'the last one was wt_dag/run1/t3.',
  );
});

test('running tasks keep their slots, deferred and ended ones give them back', async () => {
  const run = (state: string) =>
    judge({
      scenario,
      commits: [
        queued(1, 1_000),
        queued(1, 1_100, 'wt-api-execution-1', { state: 'running' }),
        queued(2, 1_200),
        queued(1, 1_300, 'wt-api-execution-1', { state }),
        queued(3, 1_400),
      ],
    });
  expect((await run('running')).violations).toBe(1);
  for (const state of ['success', 'deferred', 'restarting']) expect((await run(state)).violations).toBe(0);
});

test('what one transaction gives back and takes is seen at once', async () => {
  const commits = [
    queued(1, 1_000),
    queued(2, 1_000),
    queued(3, 2_000, 'wt-scheduler-1', { xid: 900 }),
    queued(1, 2_000, 'wt-scheduler-1', { xid: 900, state: 'scheduled' }),
  ];
  expect((await judge({ scenario, commits })).violations).toBe(0);
});

test('it passes where the last slot was taken twenty times', async () => {
  const turns = many(20, (i) => [
    queued(i + 2, 1_000 * i + 10),
    queued(i + 2, 1_000 * i + 900, 'wt-api-execution-1', { state: 'success' }),
  ]).flat();
  const result = await judge({ scenario, commits: [queued(1, 1), ...turns] });
  expect(result).toMatchObject({ verdict: 'pass', exercised: 20 });
});

test('it is unknown where the scenario leaves the pool alone', async () => {
  const commits = many(50, (i) => queued(i, 1_000 + i));
  expect(await judge({ commits })).toMatchObject({ verdict: 'unknown', violations: 0, exercised: 0 });
});

test('each pool of the scenario has slots of its own', async () => {
  const dag = { dag_id: 'wt_dag', schedule: null, past_runs: 0, max_active_runs: 9 };
  const task = { upstream: [], duration_ms: [1, 2] as const, pool: 'narrow' };
  const tasks = [1, 2, 3].map((i) => ({ ...task, task_id: `t${i}` }));
  const result = await judge({
    scenario: { pools: { narrow: 2 }, dags: [{ ...dag, tasks: [...tasks, { ...task, task_id: 't4', pool: 'wide' }] }] },
    commits: [queued(1, 1_000), queued(4, 1_200), queued(2, 1_500), queued(3, 2_000)],
  });
  expect(result).toMatchObject({ verdict: 'fail', violations: 1 });
  expect(result.first).toMatchObject({ subject: 'wt_dag/run1/t3', commits: [4] });
});
