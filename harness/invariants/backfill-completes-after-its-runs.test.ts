import { expect, test } from 'vitest';

import { judgeLiteral, many } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (run: LiteralRun) => judgeLiteral('backfill-completes-after-its-runs', run);

const POST = {
  op: 5,
  actor: 'operator',
  kind: 'backfill',
  dag_id: 'wt_backfill',
  target: '3',
  sent_ms: 900,
  ended_ms: 50_000,
} as const;
const CREATED = { relation: 'backfill', change: 'insert', id: '3', dag_id: 'wt_backfill', committed_ms: 1_000 };

function completed(committed_ms: number, writer = 'wt-scheduler-1') {
  const row = { completed_at: '2026-11-21T10:00:11Z' };
  return { relation: 'backfill', id: '3', dag_id: 'wt_backfill', committed_ms, writer, row };
}

function dagRun(id: number, committed_ms: number, state: string, change = 'insert') {
  return {
    relation: 'dag_run',
    change,
    id: `${id}`,
    dag_id: 'wt_backfill',
    run_id: `b${id}`,
    backfill_id: 3,
    state,
    committed_ms,
  };
}

test('a backfill completed before any of its runs was created is a violation with how many came after', async () => {
  const result = await judge({
    operations: [POST],
    commits: [CREATED, completed(11_000), ...many(3, (i) => dagRun(i, 49_900, 'queued'))],
  });
  expect(result).toMatchObject({ verdict: 'fail', variants: { 'before its runs existed': 1 } });
  expect(result.first).toMatchObject({ at_ms: 11_000, severity: 3, operations: [5], commits: [2, 3] });
  expect(result.first?.sentence).toBe(
    'Backfill 3 of wt_backfill was marked completed by wt-scheduler-1 10.0 s after it was created, before any of its ' +
      'runs existed: 3 were created afterwards, the last one 38.9 s later.',
  );
});

test('a backfill completed before its request was answered is a violation, even if no run was seen', async () => {
  const result = await judge({ operations: [POST], commits: [CREATED, completed(11_000)] });
  expect(result.first?.sentence).toContain(
    'before any of its runs existed: the request that creates it was answered 39.0 s later',
  );
});

test('a backfill completed while its request was still under way when the load ended is a violation', async () => {
  const result = await judge({
    operations: [{ ...POST, target: null, ended_ms: null, outcome: 'unknown', status: null, cause: 'run-ended' }],
    commits: [CREATED, completed(11_000)],
  });
  expect(result).toMatchObject({ verdict: 'fail', violations: 1, variants: { 'before its runs existed': 1 } });
  expect(result.first?.sentence).toContain('was still under way when the load ended');
});

test('a backfill completed while one of its runs had not ended is a violation', async () => {
  const commits = [
    CREATED,
    dagRun(1, 2_000, 'queued'),
    dagRun(2, 2_000, 'queued'),
    dagRun(1, 5_000, 'success', 'update'),
    completed(6_000),
  ];
  const result = await judge({ operations: [{ ...POST, ended_ms: 2_010 }], commits });
  expect(result.first?.sentence).toContain('while 1 of its 2 runs had not ended.');
});

test('a backfill that an operator cancelled may be completed at any time', async () => {
  const commits = [CREATED, dagRun(1, 2_000, 'queued'), completed(6_000, 'wt-api-core-1')];
  expect((await judge({ operations: [POST], commits })).first).toBeNull();
});

const WHOLE = [CREATED, dagRun(1, 40_000, 'queued'), dagRun(1, 45_000, 'success', 'update'), completed(60_000)];

test('it passes when the schedulers looked during the creation and left the backfill open', async () => {
  const samples = [checks(9_000, 1), checks(10_000, 1), checks(11_000, 2)];
  expect(await judge({ operations: [POST], commits: WHOLE, samples })).toMatchObject({ verdict: 'pass', exercised: 1 });
});

test('where the looks are not counted, a creation of 31 s must have met one', async () => {
  expect(await judge({ operations: [POST], commits: WHOLE })).toMatchObject({ verdict: 'pass', exercised: 1 });
});

test('it is unknown when no look fell into a creation', async () => {
  const samples = [checks(500, 1), checks(1_500, 2), checks(39_000, 2), checks(41_000, 3)];
  expect(await judge({ operations: [POST], commits: WHOLE, samples })).toMatchObject({
    verdict: 'unknown',
    exercised: 0,
  });
});

test('it is unknown without commits', async () => {
  expect((await judge({ operations: [POST] })).why_unknown).toBe('the table commits was not recorded');
});

function checks(at_ms: number, value: number) {
  return { at_ms, source: 'postgres', metric: 'backfill_checks', value };
}
