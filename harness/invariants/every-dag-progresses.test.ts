import { expect, test } from 'vitest';

import { judgeLiteral, many } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (run: LiteralRun) => judgeLiteral('every-dag-progresses', run);

const duration_ms = [1, 1] as const;
const tasks = [
  { task_id: 'task', upstream: [], duration_ms },
  { task_id: 'next', upstream: ['task'], duration_ms },
];
const dag = { schedule: null, past_runs: 0, max_active_runs: 2, tasks };
const scenario = { dags: ['wt_dag', 'wt_other'].map((dag_id) => ({ ...dag, dag_id })) };

function running(dag_id: string, committed_ms: number) {
  return { relation: 'dag_run', id: dag_id, dag_id, run_id: 'run1', state: 'running', committed_ms } as const;
}
function task(task_id: string, state: string | null, committed_ms: number, dag_id = 'wt_dag') {
  const writer = state === 'up_for_retry' ? 'wt-api-execution-1' : 'wt-scheduler-1';
  return { id: `${dag_id}-${task_id}`, dag_id, task_id, state, committed_ms, writer };
}
/** Twenty tasks of another DAG, scheduled one a second from 2 s on. */
const others = many(20, (i) => task(`o${i}`, 'scheduled', 2_000 + 1_000 * i, 'wt_other'));

test('a new run that is not looked at while another DAG is served is a violation', async () => {
  const commits = [task('task', null, 500), running('wt_dag', 1_000), ...others, task('task', 'scheduled', 31_000)];
  const result = await judge({ scenario, commits });
  expect(result).toMatchObject({ verdict: 'fail', violations: 1, variants: { 'new run': 1 } });
  expect(result.first).toMatchObject({ at_ms: 16_000, subject: 'wt_dag/run1/task', severity: 30_000 });
  expect(result.first?.sentence).toBe(
    'wt_dag/run1/task was ready and not scheduled for 30.0 s; 20 task instances of other DAGs were scheduled in that ' +
      'time.',
  );
});

test('one that is never looked at waits until the load ends', async () => {
  const result = await judge({ scenario, commits: [task('task', null, 500), running('wt_dag', 1_000), ...others] });
  expect(result.first?.sentence).toContain('for 59.0 s, when the load ended; 20 task instances');
});

test('a next task and a retry that are passed over have variants of their own', async () => {
  const begun = [
    task('next', null, 500),
    task('task', null, 500),
    running('wt_dag', 900),
    task('task', 'scheduled', 950),
  ];
  const next = await judge({ scenario, commits: [...begun, task('task', 'success', 1_500), ...others] });
  expect(next.variants).toEqual({ 'next task': 1 });
  const failed = [task('task', 'running', 970), task('task', 'up_for_retry', 990)];
  const retry = await judge({ scenario, commits: [...begun, ...failed, ...others] });
  expect(retry.variants).toEqual({ retry: 1 });
});

test('a task may wait for its upstream tasks, for an operator, and while no DAG is served', async () => {
  const waiting = [task('task', null, 500), running('wt_dag', 1_000)];
  expect((await judge({ scenario, commits: [...waiting, ...others.slice(1)] })).violations).toBe(0);
  const upstreamRuns = [...waiting, task('next', null, 500), task('task', 'running', 1_100), ...others];
  expect((await judge({ scenario, commits: upstreamRuns })).violations).toBe(0);
  const requeued = { ...running('wt_dag', 5_000), state: 'queued' };
  expect((await judge({ scenario, commits: [...waiting, requeued, ...others] })).violations).toBe(0);
  const clear = { actor: 'operator', kind: 'clear', dag_id: 'wt_dag', run_id: 'run1', sent_ms: 5_000 } as const;
  expect((await judge({ scenario, operations: [clear], commits: [...waiting, ...others] })).violations).toBe(0);
});

test('what follows a mapped task waits for all of its instances', async () => {
  const mapped = [{ ...tasks[0], task_id: 'task', mapped: 2, upstream: [], duration_ms }, ...tasks.slice(1)];
  const commits = [task('next', null, 500), running('wt_dag', 900), task('task', 'success', 1_500), ...others];
  const only = { ...scenario, dags: scenario.dags.map((one) => ({ ...one, tasks: mapped })) };
  expect((await judge({ scenario, commits })).variants).toEqual({ 'next task': 1 });
  expect((await judge({ scenario: only, commits })).violations).toBe(0);
});

test('a wait during a fault, or within half a minute after it, is no violation', async () => {
  const commits = [task('task', null, 500), running('wt_dag', 1_000), ...others, task('task', 'scheduled', 31_000)];
  const paused = (opened_ms: number, closed_ms: number | null) => ({
    scenario,
    commits,
    faults: [{ fault: 'pause', victim: 'scheduler-1', opened_ms, closed_ms }],
  });
  expect((await judge(paused(20_000, null))).violations).toBe(0);
  expect((await judge(paused(-40_000, -28_000))).violations).toBe(0);
  expect((await judge(paused(-40_000, -31_000))).violations).toBe(1);
});

test('it passes where fifty tasks of two DAGs had their turn, and is unknown with one DAG', async () => {
  const runs = (dags: readonly string[]) => ({
    scenario,
    commits: many(50, (i) => {
      const dag_id = dags[i % dags.length] ?? 'wt_dag';
      const key = { id: `${i}`, run_id: `r${i}`, dag_id };
      return [
        { ...task('task', null, 100, dag_id), ...key },
        { ...running(dag_id, 200), ...key },
        { ...task('task', 'scheduled', 900, dag_id), ...key },
      ];
    }).flat(),
  });
  expect(await judge(runs(['wt_dag', 'wt_other']))).toMatchObject({ verdict: 'pass', exercised: 50 });
  expect(await judge(runs(['wt_dag']))).toMatchObject({ verdict: 'unknown', exercised: 0 });
});

test('a paused DAG waits rightly until it is unpaused, and only it', async () => {
  const waiting = [task('task', null, 500), running('wt_dag', 1_000), ...others];
  const pause = { actor: 'operator', kind: 'pause', dag_id: 'wt_dag', requested: 'paused', sent_ms: 2_000 } as const;
  const judged = async (...operations: readonly object[]) =>
    (await judge({ scenario, operations, commits: waiting })).violations;
  expect(await judged(pause)).toBe(0);
  expect(await judged({ ...pause, dag_id: 'wt_other' })).toBe(1);
  expect(await judged({ ...pause, outcome: 'refused', status: 404 })).toBe(1);
  // Over before the task was ready.
  expect(await judged({ ...pause, sent_ms: 100 }, { ...pause, requested: 'unpaused', sent_ms: 800 })).toBe(1);
  expect(await judged({ ...pause, sent_ms: 100 }, { ...pause, requested: 'unpaused', sent_ms: 5_000 })).toBe(0);
});

test('a retry is due by the clock of its worker: with a skewed clock the due time is unknown', async () => {
  const commits = [
    task('next', null, 500),
    task('task', null, 500),
    running('wt_dag', 900),
    task('task', 'scheduled', 950),
    task('task', 'running', 970),
    task('task', 'up_for_retry', 990),
    ...others,
  ];
  const lives = [{ ti_id: 'wt_dag-task', dag_id: 'wt_dag', started_ms: 970 }];
  const window = { window: 1, fault: 'skewed-clocks', victim: 'fleet', opened_ms: 600, closed_ms: 980 } as const;
  const judged = async (fault: object) => (await judge({ scenario, commits, lives, faults: [fault] })).violations;
  expect(await judged(window)).toBe(0);
  // Closed before the worker began, or another fault. One that opens while the task waits excuses it as any window
  // does.
  expect(await judged({ ...window, closed_ms: 900 })).toBe(1);
  expect(await judged({ ...window, fault: 'late-end' })).toBe(1);
});
