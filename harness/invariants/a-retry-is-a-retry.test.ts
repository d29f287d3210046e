import { expect, test } from 'vitest';

import { judgeLiteral, many } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (run: LiteralRun) => judgeLiteral('a-retry-is-a-retry', run);
const API = 'wt-api-execution-1';
const SCHEDULER = 'wt-scheduler-1';
const row = { max_tries: 1 };

const scenario = {
  dags: [
    {
      dag_id: 'wt_dag',
      schedule: null,
      past_runs: 0,
      max_active_runs: 1,
      tasks: [{ task_id: 'task', upstream: [], retries: 1, duration_ms: [1, 2] as const }],
    },
  ],
};
const RUNNING = { state: 'running', committed_ms: 1_000, change: 'insert', writer: API, row };
const FAILED = { state: 'up_for_retry', committed_ms: 5_010, writer: API, row };
const AGAIN = { state: 'scheduled', committed_ms: 6_300, writer: SCHEDULER, try_number: 2, row };
const REPORT = { op: 7, kind: 'state', requested: 'up_for_retry', sent_ms: 5_000 } as const;

test('a retry before its delay is over is a violation', async () => {
  const result = await judge({
    scenario,
    operations: [REPORT],
    commits: [RUNNING, FAILED, { ...AGAIN, committed_ms: 5_200 }],
  });
  expect(result).toMatchObject({ verdict: 'fail', variants: { 'too early': 1 } });
  expect(result.first).toMatchObject({ at_ms: 5_200, severity: 800, operations: [7], commits: [2, 3] });
  expect(result.first?.sentence).toBe(
    'Try 1 of wt_dag/run1/task failed; wt-scheduler-1 scheduled the next one 0.2 s later, and its retry delay is 1 s.',
  );
});

test('a stack with a clock that is ahead retries as much earlier', async () => {
  // Half a second ahead, database and schedulers: by their clock the delay is over.
  const samples = [
    { at_ms: 1_000, source: 'postgres', metric: 'clock_offset_ms', value: 500 },
    { at_ms: 1_000, source: 'postgres', metric: 'clock_round_trip_ms', value: 2 },
  ];
  const ahead = [RUNNING, FAILED, { ...AGAIN, committed_ms: 5_500 }].map((row) => ({
    ...row,
    committed_ms: row.committed_ms + 500,
  }));
  expect((await judge({ scenario, operations: [REPORT], commits: ahead, samples })).first).toBeNull();
  const [, , again] = ahead;
  const early = [...ahead.slice(0, 2), { ...again, committed_ms: 5_600 }];
  expect(await judge({ scenario, operations: [REPORT], commits: early, samples })).toMatchObject({
    variants: { 'too early': 1 },
  });
});

test('a worker with a slow clock dates its end back', async () => {
  const commits = [RUNNING, FAILED, { ...AGAIN, committed_ms: 5_200 }];
  const faults = [{ fault: 'skewed-clocks', victim: 'fleet', opened_ms: 500, closed_ms: 900 }];
  expect((await judge({ scenario, operations: [REPORT], commits, faults })).first).toBeNull();
});

test('a task without tries left that is tried again is a violation', async () => {
  const result = await judge({
    scenario,
    commits: [
      { ...RUNNING, try_number: 2 },
      { ...FAILED, try_number: 2 },
    ],
  });
  expect(result.variants).toEqual({ 'tried too often': 1 });
  expect(result.first?.sentence).toBe(
    'wt-api-execution-1 set try 2 of wt_dag/run1/task from RUNNING to UP_FOR_RETRY, although it may be tried 2 times.',
  );
});

test('a task that is failed with tries left is a violation', async () => {
  const result = await judge({ scenario, commits: [RUNNING, { ...FAILED, state: 'failed', writer: SCHEDULER }] });
  expect(result.variants).toEqual({ 'not tried again': 1 });
});

test('so is one of which the worker was refused the run that it triggers', async () => {
  const refused = { op: 3, kind: 'trigger_run', sent_ms: 4_000, outcome: 'refused', status: 409 } as const;
  const result = await judge({ scenario, operations: [refused], commits: [RUNNING, { ...FAILED, state: 'failed' }] });
  expect(result.variants).toEqual({ 'its trigger refused': 1 });
  expect(result.first).toMatchObject({ operations: [3], commits: [2] });
  expect(result.first?.sentence).toMatch(/tried 2 times: the run that it triggers was refused to its worker\.$/);
});

test('a reported retry that failed with a database error is found in the server’s log', async () => {
  const correlation_id = 'afcf3279-e873-4a8c-b2ef-49199d7fd001';
  const message = `Error updating Task Instance state. Setting the task to failed. correlation_id=${correlation_id}`;
  const run: LiteralRun = {
    scenario,
    operations: [{ ...REPORT, correlation_id }],
    commits: [RUNNING, { ...FAILED, state: 'failed' }],
  };
  const result = await judge({ ...run, server_log: [{ at_ms: 5_005, source: 'api-execution-1', message }] });
  expect(result.variants).toEqual({ 'taken as a failure': 1 });
  expect(result.first).toMatchObject({ operations: [7], commits: [2] });
  expect(result.first?.sentence).toMatch(
    /although it may be tried 2 times\. Its worker had reported UP_FOR_RETRY, and the server met an error in the database\.$/,
  );
  expect((await judge(run)).variants).toEqual({ 'not tried again': 1 });
});

test.each<[string, LiteralRun['commits']]>([
  ['the next try counts two', [RUNNING, FAILED, { ...AGAIN, try_number: 3 }]],
  ['the next try counts none', [RUNNING, FAILED, { ...AGAIN, try_number: 1 }]],
  ['an end counts one', [RUNNING, { ...FAILED, try_number: 2, row: { max_tries: 3 } }]],
])('it is miscounted when %s', async (_when, commits = []) => {
  expect((await judge({ scenario, commits })).variants).toEqual({ miscounted: 1 });
});

test.each<[string, LiteralRun]>([
  ['it waits for its delay', { operations: [REPORT], commits: [RUNNING, FAILED, AGAIN] }],
  [
    'a task that was cleared while it ran is tried beyond its retries',
    {
      commits: [
        { ...RUNNING, state: 'restarting', try_number: 2 },
        { ...FAILED, try_number: 2, writer: SCHEDULER },
      ],
    },
  ],
  ['an operator marks a task failed', { commits: [RUNNING, { ...FAILED, state: 'failed', writer: 'wt-api-core-1' }] }],
  [
    'a deferred task resumes in the same try',
    {
      commits: [
        { ...RUNNING, state: 'deferred' },
        { ...AGAIN, try_number: 1, writer: 'wt-triggerer-1' },
      ],
    },
  ],
  [
    'the scheduler had failed it, and its worker reported later',
    {
      operations: [REPORT],
      commits: [RUNNING, { ...FAILED, writer: SCHEDULER, committed_ms: 4_000 }, { ...AGAIN, committed_ms: 5_100 }],
    },
  ],
])('it is well when %s', async (_when, run) => {
  expect((await judge({ scenario, ...run })).first).toBeNull();
});

test('it passes when ten tries ended so, and is unknown with fewer', async () => {
  const commits = (n: number) =>
    many(n, (i) => [RUNNING, FAILED].map((one) => ({ ...one, task_id: `t${i}`, id: `${i}` }))).flat();
  expect(await judge({ scenario, commits: commits(10) })).toMatchObject({ verdict: 'pass', exercised: 10 });
  expect(await judge({ scenario, commits: commits(9) })).toMatchObject({ verdict: 'unknown', exercised: 9 });
});
