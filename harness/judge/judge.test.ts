import { expect, test } from 'vitest';
import { judgeAll, many } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

/** A run for which all assumptions hold, of a scenario that aims at no invariant. */
const HEALTHY: LiteralRun = {
  operations: many(120, (i) => ({ kind: i % 10 === 0 ? 'run' : 'heartbeat', sent_ms: 500 * i })),
  samples: [
    { at_ms: 61_000, source: 'fleet', metric: 'sent', value: 120 },
    { at_ms: 61_000, source: 'postgres', metric: 'deadlocks', value: 0 },
    { at_ms: 10_000, source: 'harness', metric: 'cpu_s', value: 2 },
    { at_ms: 50_000, source: 'harness', metric: 'cpu_s', value: 10 },
    { at_ms: 10_000, source: 'machine', metric: 'cpus', value: 2 },
    { at_ms: 10_400, source: 'fleet', metric: 'live_lives', value: 4 },
    { at_ms: 10_800, source: 'fleet', metric: 'live_lives', value: 5 },
  ],
};
const FAILED = { op: 999, kind: 'state', outcome: 'unknown', status: 500, sent_ms: 20_000, ended_ms: 21_000 } as const;

test('a run passes if its assumptions hold and it exercised all that the scenario aims at', async () => {
  const judgement = await judgeAll(HEALTHY);
  expect(judgement.assumptions.map(({ name, verdict }) => [name, verdict])).toEqual(
    [
      'run-completed',
      'clocks-agree',
      'commits-are-whole',
      'deadlocks-reconciled',
      'fleet-kept-pace',
      'lives-came-back',
      'load-was-on',
      'operations-reconciled',
      'ports-were-left',
      'record-has-no-gaps',
      'recorder-kept-up',
    ].map((name) => [name, 'pass']),
  );
  expect(judgement).toMatchObject({
    verdict: 'pass',
    build: 'airflow@3.2.1',
    scenario: 'literal',
    seed: 7,
    load_seconds: 60,
  });
  expect(judgement).toMatchObject({ first_violation_s: null, harness_cpu_share: 0.1 });
});

test('an invariant that the scenario aimed at and did not exercise makes the run unknown', async () => {
  const judgement = await judgeAll({ ...HEALTHY, scenario: { aims: ['no-deadlocks'] } });
  expect(judgement.verdict).toBe('unknown');
  expect(judgement.invariants.filter(({ aimed }) => aimed).map(({ name }) => name)).toEqual(['no-deadlocks']);
});

test('a violation fails the run, whether the scenario aims at the invariant or not, completed or not', async () => {
  const judgement = await judgeAll({
    ...HEALTHY,
    operations: [FAILED],
    manifest: { ended: null, load_started_ms: 5_000 },
  });
  expect(judgement).toMatchObject({ verdict: 'fail', first_violation_s: 16 });
  expect(judgement.counts).toMatchObject({
    violations: 1,
    http_5xx: 1,
    http_5xx_state: 1,
    unknown: 1,
    http_409_rtif: 0,
  });
});

test('what came after an unplanned outage of the database is no violation, what came before is one', async () => {
  const outage = { victim: 'postgres', window: 100_001, closed_ms: null, detail: 'its disk is full' };
  const at = (opened_ms: number, fault = 'unplanned-outage') =>
    judgeAll({
      ...HEALTHY,
      operations: [...(HEALTHY.operations ?? []), FAILED],
      faults: [{ ...outage, fault, opened_ms }],
      scenario: { thresholds: { http_5xx: ['count<1'] } },
    });
  const before = await at(19_500);
  expect(before).toMatchObject({ verdict: 'unknown', counts: { violations: 0 }, thresholds: [{ verdict: 'unknown' }] });
  expect(before.invariants.find(({ name }) => name === 'error-contract')?.why_unknown).toBe(
    '1 violation is in doubt, because the database was away after 19.5 s (its disk is full).',
  );
  expect(before.assumptions.find(({ name }) => name === 'run-completed')).toMatchObject({
    verdict: 'fail',
    sentence:
      'It ended as planned after 70.0 s. ' +
      'After 19.5 s the database was away (its disk is full): what came then is no proof.',
  });
  expect(await at(21_500)).toMatchObject({ verdict: 'fail', counts: { violations: 1 } });
  // A fault of the plan is no outage: what it excuses, each invariant says.
  expect(await at(10_000, 'slow-disk')).toMatchObject({ verdict: 'fail', counts: { violations: 1 } });
});

test('an interrupted run cannot pass', async () => {
  expect((await judgeAll({ ...HEALTHY, manifest: { ended: 'interrupted' } })).verdict).toBe('unknown');
});

test('a threshold that is crossed fails the run, and one without a value leaves it unknown', async () => {
  const withThreshold = (metric: string) => judgeAll({ ...HEALTHY, scenario: { thresholds: { [metric]: ['avg<1'] } } });
  expect((await withThreshold('http_req_duration')).verdict).toBe('fail');
  expect((await withThreshold('http_req_duration{operation:clear}')).verdict).toBe('unknown');
});

test('the numbers of a run are counted by kind, reason and second', async () => {
  const refusal = { outcome: 'refused', status: 409, reason: 'not_running', found_state: 'skipped' } as const;
  const judgement = await judgeAll({
    operations: [
      { sent_ms: 10_100, ended_ms: 10_200, ...refusal },
      { sent_ms: 10_300, ended_ms: 10_700, ...refusal },
      FAILED,
    ],
    lives: [{}, { end: 'silent' }],
    samples: HEALTHY.samples ?? [],
    commits: [
      { state: 'running' },
      { state: 'success' },
      { relation: 'dag_run', change: 'insert', id: '1' },
      { relation: 'backfill', change: 'insert', id: '1' },
    ],
    server_log: [{ at_ms: 10_500, source: 'postgres', sqlstate: '40P01', pid: 3 }],
  });
  expect(judgement.counts).toMatchObject({
    operations: 3,
    ok: 0,
    refused: 2,
    unknown: 1,
    http_409: 2,
    http_409_heartbeat: 2,
    http_409_run: 0,
    deadlocks: 1,
    lives: 2,
    lives_reported: 1,
    commits: 4,
    task_instances_finished: 1,
    dag_runs: 1,
    backfills: 1,
  });
  expect(judgement.refusals).toEqual([
    { status: 409, kind: 'heartbeat', reason: 'not_running', found_state: 'skipped', replay: false, count: 2 },
  ]);
  expect(judgement.conflicts).toEqual([
    { kind: 'heartbeat', found_state: 'skipped', reason: 'not_running', count: 2, per_minute: 2, violations: 0 },
  ]);
  expect(judgement.timeline).toHaveLength(60);
  expect(judgement.timeline[10]).toEqual({ second: 10, requests: 2, http_409: 2, http_5xx: 0, deadlocks: 1, live: 5 });
  expect(judgement.timeline[11]).toEqual({
    second: 11,
    requests: 0,
    http_409: 0,
    http_5xx: 0,
    deadlocks: 0,
    live: null,
  });
  expect(judgement.latency.find(({ kind }) => kind === 'heartbeat')).toMatchObject({
    count: 2,
    p50_ms: 250,
    max_ms: 400,
  });
});

test('a folder in which nothing was recorded is judged unknown, not crashed on', async () => {
  const judgement = await judgeAll({
    manifest: { load_started_ms: null, load_ended_ms: null, ended_ms: null, ended: null },
  });
  expect(judgement.verdict).toBe('unknown');
  expect(judgement.invariants.every(({ verdict }) => verdict === 'unknown')).toBe(true);
});
