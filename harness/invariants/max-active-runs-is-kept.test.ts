import { expect, test } from 'vitest';

import { judgeLiteral } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (run: LiteralRun) => judgeLiteral('max-active-runs-is-kept', run);

const scenario = {
  dags: [{ dag_id: 'wt_dag', schedule: null, past_runs: 0, max_active_runs: 2, tasks: [] }],
};

function dagRun(id: number, state: string, committed_ms: number, writer = 'wt-scheduler-1', more: object = {}) {
  const change = state === 'queued' ? 'insert' : 'update';
  return {
    relation: 'dag_run',
    change,
    id: `${id}`,
    dag_id: 'wt_dag',
    run_id: `r${id}`,
    state,
    committed_ms,
    writer,
    ...more,
  };
}

test('a scheduler that starts several runs at once, after another, was beaten by that one', async () => {
  const judged = (first_ms: number) =>
    judge({
      scenario,
      commits: [
        ...[1, 2, 3, 4].map((id) => dagRun(id, 'queued', 500)),
        dagRun(1, 'running', first_ms),
        ...[2, 3, 4].map((id) => dagRun(id, 'running', 2_100, 'wt-scheduler-2', { xid: 9 })),
      ],
    });
  expect((await judged(2_000)).variants).toEqual({ 'two schedulers at once': 2 });
  expect((await judged(1_000)).variants).toEqual({ scheduler: 2 });
});

test('two schedulers that start a run each where one more was allowed are a violation', async () => {
  const result = await judge({
    scenario,
    commits: [
      ...[1, 2, 3].map((id) => dagRun(id, 'queued', 500)),
      dagRun(1, 'running', 1_000),
      dagRun(2, 'running', 2_000),
      dagRun(3, 'running', 2_100, 'wt-scheduler-2'),
    ],
  });
  expect(result).toMatchObject({ verdict: 'fail', violations: 1, variants: { 'two schedulers at once': 1 } });
  expect(result.first).toMatchObject({ at_ms: 2_100, subject: 'wt_dag', severity: 1, commits: [5, 6] });
  expect(result.first?.sentence).toBe(
    'wt-scheduler-2 set the run r3 of wt_dag to RUNNING, so that 3 ran at once, where max_active_runs is 2; ' +
      'wt-scheduler-1 had started the one before 0.1 s earlier.',
  );
});

test('one scheduler that starts too many has a variant of its own, on a target, too', async () => {
  const mine = { dag_id: 'wt_literal_wt_dag', xid: 900 };
  const commits = [1, 2, 3].map((id) => dagRun(id, 'running', 1_000, 'wt-scheduler-1', mine));
  const result = await judge({ scenario, commits });
  expect(result.variants).toEqual({ scheduler: 1 });
});

test('runs of a backfill count against its own limit', async () => {
  const backfill = {
    relation: 'backfill',
    change: 'insert',
    id: '7',
    dag_id: 'wt_dag',
    committed_ms: 1,
    row: { max_active_runs: 1 },
  };
  const own = { backfill_id: 7 };
  const commits = [
    backfill,
    dagRun(1, 'running', 1_000),
    dagRun(2, 'running', 1_000),
    dagRun(3, 'running', 1_500, 'wt-scheduler-1', own),
  ];
  expect((await judge({ scenario, commits })).violations).toBe(0);
  const more = dagRun(4, 'running', 9_000, 'wt-scheduler-1', own);
  expect((await judge({ scenario, commits: [...commits, more] })).first).toMatchObject({
    subject: 'wt_dag, backfill 7',
    variant: 'scheduler',
  });
});

test('a run that ends in the same transaction makes room, and one that is deleted, too', async () => {
  const commits = [
    dagRun(1, 'running', 1_000),
    dagRun(2, 'running', 1_000),
    dagRun(3, 'running', 2_000, 'wt-scheduler-1', { xid: 900 }),
    dagRun(1, 'success', 2_000, 'wt-scheduler-1', { xid: 900 }),
    { relation: 'dag_run', change: 'delete', id: '2', committed_ms: 3_000 },
    dagRun(4, 'running', 4_000),
  ];
  expect((await judge({ scenario, commits })).violations).toBe(0);
});

test('it passes where the limit was reached ten times, and is unknown where it was not', async () => {
  const turns = Array.from({ length: 10 }, (_, i) => [
    dagRun(i + 2, 'running', 1_000 * i + 10),
    dagRun(i + 2, 'success', 1_000 * i + 900),
  ]).flat();
  const commits = [dagRun(1, 'running', 1), ...turns];
  expect(await judge({ scenario, commits })).toMatchObject({ verdict: 'pass', exercised: 10 });
  expect(await judge({ scenario, commits: turns })).toMatchObject({ verdict: 'unknown', exercised: 0 });
});
