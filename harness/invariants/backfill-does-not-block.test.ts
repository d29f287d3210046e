import { expect, test } from 'vitest';

import { judgeLiteral } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (run: LiteralRun) => judgeLiteral('backfill-does-not-block', run);

function post(op: number, target: string | null, sent_ms: number, ended_ms: number, refused = false) {
  const answer = refused ? ({ outcome: 'refused', status: 409 } as const) : {};
  return { op, actor: 'operator', kind: 'backfill', dag_id: 'wt_b', target, sent_ms, ended_ms, ...answer } as const;
}

function backfill(id: number, committed_ms: number, completed = false, writer = 'wt-scheduler-1') {
  const row = { completed_at: completed ? '2026-11-21T10:00:00Z' : null };
  return {
    relation: 'backfill',
    change: completed ? 'update' : 'insert',
    id: `${id}`,
    dag_id: 'wt_b',
    committed_ms,
    writer,
    row,
  };
}

function dagRun(id: number, backfill_id: number, committed_ms: number, state: string) {
  const change = state === 'queued' ? 'insert' : 'update';
  return {
    relation: 'dag_run',
    change,
    id: `${id}`,
    dag_id: 'wt_b',
    run_id: `r${id}`,
    backfill_id,
    state,
    committed_ms,
  };
}

test('a second backfill admitted while the first has not been completed is a violation', async () => {
  const result = await judge({
    operations: [post(1, '1', 900, 5_000), post(2, '2', 1_100, 6_000)],
    commits: [backfill(1, 1_000), backfill(2, 1_200), dagRun(1, 1, 4_900, 'queued'), dagRun(2, 2, 5_900, 'queued')],
  });
  expect(result).toMatchObject({ verdict: 'fail', violations: 1, variants: { 'two active at once': 1 } });
  expect(result.first).toMatchObject({ at_ms: 1_200, operations: [1, 2], commits: [1, 2] });
  expect(result.first?.sentence).toBe(
    'Backfill 2 of wt_b was admitted 0.2 s after backfill 1, which was still active: it had not been completed.',
  );
});

test('of two backfills that were requested at the same time, the second could not see the first', async () => {
  const result = await judge({
    operations: [post(1, '1', 900, 5_000), post(2, '2', 950, 6_000)],
    commits: [backfill(1, 1_000), backfill(2, 1_200), dagRun(1, 1, 4_900, 'queued'), dagRun(2, 2, 5_900, 'queued')],
  });
  expect(result.variants).toEqual({ 'requested at the same time': 1 });
  expect(result.first?.sentence).toContain('both had been asked for before either was there to be seen.');
});

test('a second backfill admitted while runs of a falsely completed one come is a violation', async () => {
  const result = await judge({
    operations: [post(1, '1', 900, 40_000), post(2, '2', 15_000, 50_000)],
    commits: [backfill(1, 1_000), backfill(1, 11_000, true), backfill(2, 15_100), dagRun(1, 1, 39_000, 'queued')],
  });
  expect(result.first?.sentence).toContain('it had been marked completed although its runs had not ended.');
});

test('a backfill without runs that is never completed blocks its DAG', async () => {
  const result = await judge({
    operations: [post(1, '1', 900, 2_000)],
    commits: [backfill(1, 1_000), { committed_ms: 160_000 }],
  });
  expect(result).toMatchObject({ verdict: 'fail', variants: { 'blocks without runs': 1 } });
  expect(result.first?.sentence).toContain('got no runs and was not completed 158.0 s after its request was answered');
});

test('a refused request that left its backfill behind blocks the DAG, too; the stack may name the time', async () => {
  const run = {
    operations: [post(1, null, 900, 2_000, true)],
    commits: [backfill(1, 1_000), { committed_ms: 60_000 }],
  };
  const manifest = { identity: { backfill_abandoned_s: '20' } };
  expect((await judge(run)).first).toBeNull();
  expect((await judge({ ...run, manifest })).first).toMatchObject({ at_ms: 56_000, operations: [], commits: [1] });
});

test('it is too early to call a backfill without runs blocked before 150 s', async () => {
  const commits = [backfill(1, 1_000), { committed_ms: 140_000 }];
  expect((await judge({ operations: [post(1, '1', 900, 2_000)], commits })).first).toBeNull();
});

test('a backfill that its server took away again makes room at once', async () => {
  const withdrawn = { relation: 'backfill', change: 'delete', id: '1', committed_ms: 1_100, writer: 'wt-api-core-1' };
  const result = await judge({
    operations: [post(1, null, 900, 1_150), post(2, '2', 1_200, 6_000)],
    commits: [backfill(1, 1_000), withdrawn, backfill(2, 1_300), dagRun(2, 2, 5_900, 'queued')],
  });
  expect(result.violations).toBe(0);
});

test('a cancelled backfill makes room at once', async () => {
  const result = await judge({
    operations: [post(1, '1', 900, 2_000), post(2, '2', 6_000, 7_000)],
    commits: [
      backfill(1, 1_000),
      dagRun(1, 1, 1_900, 'queued'),
      backfill(1, 5_000, true, 'wt-api-core-1'),
      backfill(2, 6_100),
    ],
  });
  expect(result.first).toBeNull();
});

test('it passes when a second one was asked for while the first was active, and refused', async () => {
  const result = await judge({
    operations: [post(1, '1', 900, 5_000), post(2, null, 2_000, 2_050, true)],
    commits: [
      backfill(1, 1_000),
      dagRun(1, 1, 4_900, 'queued'),
      dagRun(1, 1, 9_000, 'success'),
      backfill(1, 31_000, true),
    ],
  });
  expect(result).toMatchObject({ verdict: 'pass', exercised: 1 });
});

test('it is unknown when no second backfill was requested', async () => {
  const result = await judge({ operations: [post(1, '1', 900, 5_000)], commits: [backfill(1, 1_000)] });
  expect(result).toMatchObject({ verdict: 'unknown', exercised: 0 });
});
