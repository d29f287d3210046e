import { expect, test } from 'vitest';

import { readInvariants } from '../judge/invariants.ts';
import { judgeLiteral, many } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

/**
 * What the end of the run cuts off says nothing: it counts neither as a violation nor for a `pass`.
 * The load of a literal run ends after 60 s, and the record after 70 s.
 */

test('each invariant says what the end of the run makes of its subjects', async () => {
  const silent = (await readInvariants()).filter(({ header }) => !header['cut-off']).map(({ name }) => name);
  expect(silent).toEqual([]);
});

const BACKFILL = { relation: 'backfill', change: 'insert', id: '3', dag_id: 'wt_backfill', committed_ms: 1_000 };
const POST = { actor: 'operator', kind: 'backfill', dag_id: 'wt_backfill', sent_ms: 900 } as const;
const COMPLETED = { ...BACKFILL, change: 'update', writer: 'wt-scheduler-1', row: { completed_at: '2026-11-21' } };
const UNANSWERED = { outcome: 'unknown', status: null } as const;

test.each([
  // The client gave up before the load ended, or the load ended first.
  ['that the client gave up', { ended_ms: 50_900, cause: 'UND_ERR_HEADERS_TIMEOUT' }, 58_000],
  ['under way when the load ended', { ended_ms: null, cause: 'run-ended' }, 65_000],
] as const)('a backfill completed without runs, by a request %s, is unknown', async (_, end, completed_ms) => {
  const run = {
    operations: [{ ...POST, ...UNANSWERED, ...end }],
    commits: [BACKFILL, { ...COMPLETED, committed_ms: completed_ms }],
  };
  const result = await judgeLiteral('backfill-completes-after-its-runs', run);
  expect(result).toMatchObject({ verdict: 'unknown', exercised: 0 });
  expect(result.why_unknown).toBe(
    'whether backfill 3 of wt_backfill was completed before its runs were created is open: the record ends before ' +
      'the request that creates it did',
  );
  // Not hidden by another that was exercised.
  const other = [
    { ...BACKFILL, id: '4', dag_id: 'wt_other' },
    ...[40_000, 45_000].map((committed_ms) => ({
      relation: 'dag_run',
      change: committed_ms === 40_000 ? 'insert' : 'update',
      id: '1',
      dag_id: 'wt_other',
      run_id: 'b1',
      backfill_id: 4,
      state: committed_ms === 40_000 ? 'queued' : 'success',
      committed_ms,
    })),
  ];
  const posts = [...run.operations, { ...POST, dag_id: 'wt_other', target: '4', ended_ms: 45_000 }];
  const both = await judgeLiteral('backfill-completes-after-its-runs', {
    operations: posts,
    commits: [...run.commits, ...other],
  });
  expect(both).toMatchObject({ verdict: 'unknown', exercised: 1 });
  // The API servers had nothing left to do: the creation had failed, and completing its backfill was right.
  const samples = [{ at_ms: 66_000, source: 'stack', metric: 'api_quiescent', value: 1 }];
  const over = { operations: posts, commits: [...run.commits, ...other], samples };
  expect((await judgeLiteral('backfill-completes-after-its-runs', over)).why_unknown).toBeNull();
});

test('a creation that the end cuts off while the schedulers looked does not make it a pass', async () => {
  const run = { operations: [{ ...POST, ...UNANSWERED, ended_ms: null, cause: 'run-ended' }], commits: [BACKFILL] };
  expect(await judgeLiteral('backfill-completes-after-its-runs', run)).toMatchObject({
    verdict: 'unknown',
    exercised: 0,
  });
});

test('a backfill without runs that may still be completed in time makes it unknown whether it blocks', async () => {
  const second = { ...POST, outcome: 'refused', status: 409, sent_ms: 2_000, ended_ms: 2_100 } as const;
  const first = { ...POST, target: '3', ended_ms: 1_100 };
  const run = { operations: [first, second], commits: [BACKFILL, { state: 'queued', committed_ms: 69_000 }] };
  const result = await judgeLiteral('backfill-does-not-block', run);
  expect(result).toMatchObject({ verdict: 'unknown', exercised: 1, violations: 0 });
  expect(result.why_unknown).toMatch(/^backfill 3 of wt_backfill has no runs, and the record ends [\d.]+ s before/);
});

/** Each with enough subjects for a `pass`, which all begin shortly before the end. */
const WAITING: readonly (readonly [string, LiteralRun, NonNullable<LiteralRun['operations']>])[] = [
  [
    'a-started-life-owns-its-task',
    { lives: [{}], operations: many(20, (i) => ({ life: i, kind: 'heartbeat', ...UNANSWERED, ended_ms: null })) },
    [],
  ],
  [
    'acknowledged-is-durable',
    {
      operations: many(20, (i) => ({ kind: 'state', requested: 'success', ti_id: `ti-${i}`, sent_ms: 59_000 })),
      commits: [{ state: 'running', committed_ms: 59_500 }],
    },
    [],
  ],
  [
    'every-dag-progresses',
    {
      scenario: { dags: ['wt_dag', 'wt_other'].map(dag) },
      commits: many(60, (i) => newRun(i % 2 === 0 ? 'wt_dag' : 'wt_other', `run${i}`)).flat(),
    },
    [],
  ],
  [
    'logs-say-what-happened',
    {
      server_log: [
        { at_ms: 59_000, source: 'api-execution-1', message: 'Setting the task to failed correlation_id=ab-1' },
      ],
      operations: [{ kind: 'state', requested: 'success', correlation_id: 'ab-1', sent_ms: 58_900, status: 500 }],
      commits: [{ state: 'running', committed_ms: 59_500 }],
    },
    [],
  ],
  [
    'results-belong-to-their-try',
    {
      lives: [{}],
      operations: many(5, (i) => [
        { life: 2 * i, kind: 'xcom_push' as const, ti_id: `ti-${i}`, task_id: `t${i}`, sent_ms: 50_000 },
        { life: 2 * i + 1, kind: 'run' as const, ti_id: `next-${i}`, task_id: `t${i}`, sent_ms: 59_998 },
        { life: 2 * i + 1, kind: 'rtif' as const, ti_id: `next-${i}`, task_id: `t${i}`, sent_ms: 60_020 },
      ]).flat(),
    },
    // What each life sends next, without having asked for the clearing.
    many(5, (i) => ({ life: 2 * i + 1, kind: 'rtif', ti_id: `next-${i}`, task_id: `t${i}`, sent_ms: 60_200 })),
  ],
  [
    'work-goes-on',
    {
      lives: [{ ti_id: 'another', handed_ms: 59_000 }],
      commits: many(60, (i) => ({ id: `ti-${i}`, task_id: `t${i}`, state: 'queued', committed_ms: 58_000 })),
    },
    [],
  ],
];

function dag(dag_id: string) {
  return {
    dag_id,
    schedule: null,
    past_runs: 0,
    max_active_runs: 100,
    tasks: [{ task_id: 'task', upstream: [], duration_ms: [1, 2] as [number, number] }],
  };
}

function newRun(dag_id: string, run_id: string) {
  const names = { dag_id, run_id, committed_ms: 58_000, change: 'insert' };
  return [
    { relation: 'dag_run', id: `${dag_id}/${run_id}`, state: 'running', ...names },
    { id: `${dag_id}/${run_id}`, state: null, ...names },
  ];
}

test.each(WAITING)('%s: what still waits in time when the run ends does not count', async (name, run, more) => {
  expect(await judgeLiteral(name, run)).toMatchObject({ verdict: 'unknown', exercised: 0, violations: 0 });
  // The same, with two more minutes of load: then it does.
  const manifest = { load_ended_ms: 180_000, ended_ms: 190_000 };
  const commits = [...(run.commits ?? []), { dag_id: 'wt_end', state: 'none', committed_ms: 189_000 }];
  const operations = [...(run.operations ?? []), ...more];
  const longer = await judgeLiteral(name, { ...run, operations, ...(run.commits ? { commits } : {}), manifest });
  if (name !== 'a-started-life-owns-its-task') expect(longer.exercised).toBeGreaterThan(0);
});

test('a date does not count if its DAG had room for it only shortly before the end', async () => {
  const scheduled = { ...dag('wt_dag'), schedule: '* * * * *', max_active_runs: 1, past_runs: 3 };
  const running = { relation: 'dag_run', id: '1', dag_id: 'wt_dag', run_id: 'r', row: { run_type: 'manual' } };
  const commits = [
    { ...running, change: 'insert', state: 'running', committed_ms: 100 },
    { ...running, state: 'success', committed_ms: 55_000 },
  ];
  const result = await judgeLiteral('one-run-per-date', { scenario: { dags: [scheduled] }, commits });
  expect(result).toMatchObject({ verdict: 'unknown', exercised: 0, violations: 0 });
});
