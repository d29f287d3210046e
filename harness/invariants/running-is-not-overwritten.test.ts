import { expect, test } from 'vitest';

import { judgeLiteral, many } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (run: LiteralRun) => judgeLiteral('running-is-not-overwritten', run);
const API = 'wt-api-execution-1';

/** Branch `pick` skips task `task`, which worker w-1 has run since 1,000 ms. */
const SKIP = {
  op: 50,
  life: 2,
  worker: 'w-2',
  kind: 'skip_downstream',
  task_id: 'pick',
  ti_id: 'ti-pick',
  target: 'other task',
  sent_ms: 5_000,
  ended_ms: 5_040,
} as const;
const TAKES_BACK =
  "UPDATE task_instance SET state='scheduled', queued_dttm=NULL, scheduled_dttm='…'::timestamptz, " +
  'queued_by_job_id=NULL';
const RUN = { op: 1, kind: 'run', sent_ms: 1_000 } as const;
const OF_FIRST = {
  actor: 'operator',
  kind: 'mark',
  dag_id: 'wt_dag',
  run_id: 'run1',
  task_id: 'first',
  requested: 'failed',
} as const;
const RUNNING = { state: 'running', committed_ms: 1_003, writer: API };

test('a DAG run with a lost worker record has no violations; others have', async () => {
  const lost = { life: 9, ti_id: 'ti-pick', task_id: 'pick', end: 'lost' } as const;
  const overwritten = {
    operations: [RUN, SKIP],
    lives: [{ ended_ms: 6_010, end: 'stopped' }] as const,
    commits: [RUNNING, { state: 'skipped', committed_ms: 5_020, writer: API }],
  };
  const excused = await judge({ ...overwritten, lives: [...overwritten.lives, lost] });
  expect(excused.violations).toBe(0);
  const elsewhere = await judge({ ...overwritten, lives: [...overwritten.lives, { ...lost, run_id: 'another' }] });
  expect(elsewhere.violations).toBe(1);
});

test('a skip that overwrites a running sibling is a violation that names who did it and what it cost', async () => {
  const result = await judge({
    operations: [
      RUN,
      SKIP,
      { op: 60, sent_ms: 6_000, outcome: 'refused', status: 409, reason: 'not_running', found_state: 'skipped' },
    ],
    lives: [{ ended_ms: 6_010, end: 'stopped' }],
    commits: [RUNNING, { state: 'skipped', committed_ms: 5_020, writer: API }],
  });
  expect(result.verdict).toBe('fail');
  expect(result.variants).toEqual({ 'skip-downstream': 1 });
  expect(result.first).toMatchObject({ at_ms: 5_020, subject: 'wt_dag/run1/task', operations: [50, 60], commits: [2] });
  expect(result.first?.sentence).toBe(
    'skip-downstream of branch task pick (worker w-2) set task task of wt_dag/run1 from RUNNING to SKIPPED while ' +
      'worker w-1 had been running it for 4.0 s; 1.0 s later its heartbeat was refused with 409 not_running (found ' +
      'SKIPPED), and its work was lost.',
  );
});

test.each([
  ['deferred', 'up_for_retry', 'resumed task'],
  ['deferred', null, 'scheduler'],
  ['up_for_reschedule', 'failed', 'rescheduled task'],
] as const)(
  'a scheduler that sets a task that was %s, came back and runs to %s is a violation: %s',
  async (left, state, variant) => {
    const by = (writer: string, state: string | null, committed_ms: number) => ({ state, committed_ms, writer });
    const commits = [
      RUNNING,
      by(API, left, 2_000),
      by('wt-triggerer-1', 'scheduled', 3_000),
      by('wt-scheduler-1', 'queued', 3_100),
      by(API, 'running', 3_200),
      by('wt-scheduler-1', state, 7_000),
    ];
    const lives = [
      { life: 1, ended_ms: 2_010, end: 'reported' },
      { life: 2, handed_ms: 3_150, started_ms: 3_200, ended_ms: 9_000, end: 'stopped' },
    ] as const;
    const deferral = { op: 3, kind: 'state', requested: left, sent_ms: 1_990, ended_ms: 2_005 } as const;
    const operations = [RUN, deferral, { ...RUN, op: 2, life: 2, worker: 'w-2', sent_ms: 3_180 }];
    const result = await judge({ operations, commits, lives });
    expect(result.variants).toEqual({ [variant]: 1 });
    expect(result.first?.sentence).toContain('while worker w-2 had been running it for 3.8 s');
  },
);

test('a scheduler that overwrites a running task has another variant than a skip', async () => {
  const result = await judge({
    operations: [RUN, SKIP],
    lives: [{ ended_ms: 9_000 }],
    commits: [RUNNING, { state: 'scheduled', committed_ms: 5_020, writer: 'wt-scheduler-2' }],
  });
  expect(result.verdict).toBe('fail');
  expect(result.variants).toEqual({ scheduler: 1 });
  expect(result.first?.sentence).toMatch(
    /^scheduler \(wt-scheduler-2\) set task task .* the worker got no answer that says so\.$/,
  );
});

test('a scheduler that skips what a branch did not follow has a variant of its own', async () => {
  const decision = { ...SKIP, op: 49, kind: 'xcom_push', target: 'skipmixin_key', sent_ms: 4_950 } as const;
  const skipped = (first: object, writer = 'wt-scheduler-1') =>
    judge({
      operations: [RUN, { ...decision, ...first }, SKIP],
      lives: [{ ended_ms: 9_000 }],
      commits: [RUNNING, { state: 'skipped', committed_ms: 5_800, writer }],
    });
  const result = await skipped({});
  expect(result.variants).toEqual({ 'not followed': 1 });
  expect(result.first?.operations).toEqual([50]);
  expect(result.first?.sentence).toMatch(
    /^scheduler .*, which looked again at what branch task pick had decided, set task task .* to SKIPPED/,
  );
  expect((await skipped({ target: 'return_value' })).variants).toEqual({ 'trigger rule': 1 });
  expect((await skipped({}, 'wt-triggerer-1')).variants).toEqual({ triggerer: 1 });
});

test('a task that starts while it is taken back as stuck in QUEUED is a race of its own', async () => {
  const result = await judge({
    operations: [RUN],
    lives: [{ ended_ms: 9_000 }],
    commits: [RUNNING, { state: 'scheduled', committed_ms: 1_900, writer: 'wt-scheduler-2', statement: TAKES_BACK }],
  });
  expect(result.verdict).toBe('fail');
  expect(result.variants).toEqual({ 'stuck in queued': 1 });
  expect(result.first?.sentence).toMatch(
    /^scheduler \(wt-scheduler-2\), which took it for stuck in QUEUED, set task task .* from RUNNING to SCHEDULED/,
  );
});

test('a failure marked upstream of a running task exercises it, and a scheduler must let the task run', async () => {
  const first = { task_id: 'first', upstream: [], duration_ms: [1, 1] } as const;
  const dag = { dag_id: 'wt_dag', schedule: null, past_runs: 0, max_active_runs: 1 };
  const scenario = { dags: [{ ...dag, tasks: [first, { ...first, task_id: 'task', upstream: ['first'] }] }] };
  const marked = (mark: object, commits: LiteralRun['commits']) =>
    judge({
      scenario,
      operations: [RUN, ...many(3, (i) => ({ op: 50 + i, ...OF_FIRST, sent_ms: 5_000 + i, ended_ms: 5_020, ...mark }))],
      lives: [{ ended_ms: 9_000 }],
      commits: [RUNNING, ...(commits ?? [])],
    });
  expect((await marked({}, [])).verdict).toBe('pass');
  expect((await marked({ requested: 'success' }, [])).verdict).toBe('unknown');
  expect((await marked({ sent_ms: 9_500, ended_ms: 9_520 }, [])).verdict).toBe('unknown');
  const settled = { state: 'upstream_failed', committed_ms: 5_300, writer: 'wt-scheduler-1' };
  const result = await marked({}, [settled]);
  expect(result.variants).toEqual({ 'trigger rule': 1 });
  expect(result.first?.sentence).toMatch(
    /^scheduler \(wt-scheduler-1\), which evaluated its trigger rule again, set task task .* from RUNNING to UPSTREAM_FAILED/,
  );
});

test('starts of what was queued for too long, while others are taken back, put it to the test', async () => {
  const starts = [1, 2, 3].map((n) => `t${n}`);
  const late = (queuedMs: number) =>
    judge({
      operations: starts.map((task_id, i) => ({ ...RUN, op: i + 1, life: i + 1, task_id, ti_id: `ti-${task_id}` })),
      lives: starts.map((task_id, i) => ({ life: i + 1, task_id, ti_id: `ti-${task_id}`, ended_ms: 20_000 })),
      commits: [
        ...starts.map((task_id) => ({
          task_id,
          id: `ti-${task_id}`,
          state: 'queued',
          committed_ms: 10_000 - queuedMs,
        })),
        { task_id: 'other', id: 'ti-other', state: 'queued', committed_ms: 500 },
        ...starts.map((task_id) => ({
          task_id,
          id: `ti-${task_id}`,
          state: 'running',
          committed_ms: 10_000,
          writer: API,
        })),
        {
          task_id: 'other',
          id: 'ti-other',
          state: 'scheduled',
          committed_ms: 10_400,
          writer: 'wt-scheduler-1',
          statement: TAKES_BACK,
        },
      ],
      manifest: { identity: { task_queued_timeout_s: '8' } },
    });
  expect(await late(8_500)).toMatchObject({ verdict: 'pass', exercised: 3 });
  expect(await late(7_000)).toMatchObject({ verdict: 'unknown', exercised: 0 });
});

test('a worker must not be failed for missing heartbeats after a newer one was accepted', async () => {
  const result = await judge({
    operations: [
      RUN,
      { op: 2, kind: 'heartbeat', sent_ms: 3_000 },
      { op: 3, kind: 'heartbeat', sent_ms: 24_500 },
      { op: 4, kind: 'state', sent_ms: 25_900, outcome: 'refused', status: 404, reason: 'not_found' },
    ],
    lives: [{ ended_ms: 25_950, end: 'stopped' }],
    commits: [RUNNING, { state: 'up_for_retry', committed_ms: 25_500, writer: 'wt-scheduler-1' }],
  });
  expect(result.verdict).toBe('fail');
  expect(result.variants).toEqual({ 'stale heartbeat timeout': 1 });
  expect(result.first).toMatchObject({ operations: [3, 4] });
  expect(result.first?.sentence).toMatch(
    /while worker w-1 had been running it for 24\.5 s, 21\.\d s without a heartbeat, but one had been accepted 0\.\d s before/,
  );
});

test('a heartbeat that the server has not answered when the time-out ends does not count', async () => {
  const beat = (ended_ms: number) =>
    judge({
      operations: [
        RUN,
        { op: 2, kind: 'heartbeat', sent_ms: 3_000 },
        { op: 3, kind: 'heartbeat', sent_ms: 22_000, ended_ms },
      ],
      lives: [{ ended_ms: 30_000, end: 'stopped' }],
      commits: [RUNNING, { state: 'failed', committed_ms: 25_000, writer: 'wt-scheduler-1' }],
    });
  expect((await beat(25_100)).violations).toBe(0);
  expect((await beat(22_100)).variants).toEqual({ scheduler: 1 });
});

test('the silence of a worker that has only started begins while the server was at its start', async () => {
  const started = (sent_ms: number) =>
    judge({
      operations: [{ ...RUN, sent_ms, ended_ms: 9_100 }],
      lives: [{ ended_ms: 40_000, end: 'stopped' }],
      commits: [
        { ...RUNNING, committed_ms: 9_000 },
        { state: 'failed', committed_ms: 28_000, writer: 'wt-scheduler-1' },
      ],
    });
  expect((await started(7_500)).violations).toBe(0);
  expect((await started(8_900)).variants).toEqual({ scheduler: 1 });
});

test('requests that were open when the harness was killed are no violations', async () => {
  const killed = (beat: number) =>
    judge({
      operations: [RUN, { op: 2, kind: 'heartbeat', sent_ms: beat - 10, ended_ms: beat }],
      commits: [RUNNING, { state: 'success', committed_ms: 9_000, writer: API }],
      manifest: { ended: null, ended_ms: null },
    });
  expect((await killed(9_020)).verdict).toBe('unknown');
  // Its request would have been on record by then: the time-out is 5 s.
  expect((await killed(15_000)).verdict).toBe('fail');
});

test('what the next try does is no violation at the end of this one', async () => {
  const gone = { committed_ms: 40_000, writer: 'wt-scheduler-1', xid: 9 };
  const commits = [
    RUNNING,
    { ...gone, state: 'running', id: 'ti-2', old_id: 'ti-1' },
    { ...gone, state: 'up_for_retry', id: 'ti-2' },
  ];
  const next = { op: 9, kind: 'run', life: 2, worker: 'w-2', ti_id: 'ti-2', sent_ms: 42_000 } as const;
  const lives = [{ ended_ms: 60_000 }];
  // Silent for longer than the time-out; then a heartbeat is accepted just before the commit.
  expect((await judge({ operations: [RUN, next], lives, commits })).violations).toBe(0);
  const heartbeat = { op: 5, sent_ms: 39_000 };
  expect((await judge({ operations: [RUN, heartbeat, next], lives, commits })).variants).toEqual({
    'stale heartbeat timeout': 1,
  });
});

test('where no writer is known, the skip that names the task is the one', async () => {
  const result = await judge({
    manifest: { writers: 'none' },
    operations: [RUN, SKIP],
    lives: [{}],
    commits: [
      { ...RUNNING, writer: null },
      { state: 'skipped', committed_ms: 5_020 },
    ],
  });
  expect(result.variants).toEqual({ 'skip-downstream': 1 });
});

const REPORT = { kind: 'state', requested: 'success', sent_ms: 8_000, ended_ms: 8_020 } as const;

test.each<[string, LiteralRun]>([
  ['its own report', { operations: [RUN, REPORT], lives: [{}], commits: [RUNNING, left('success', 8_010, API)] }],
  [
    'its own report that committed long after the client gave up',
    {
      operations: [RUN, { ...REPORT, outcome: 'unknown', status: null, ended_ms: 13_000 }],
      lives: [{ end: 'gave-up', ended_ms: 40_000 }],
      commits: [RUNNING, left('success', 19_000, API)],
    },
  ],
  [
    "an operator's clear",
    { operations: [RUN], lives: [{}], commits: [RUNNING, left('restarting', 4_000, 'wt-api-core-1')] },
  ],
  [
    "an operator's clear where no writer is known",
    {
      operations: [
        RUN,
        {
          actor: 'operator',
          kind: 'clear',
          dag_id: 'wt_dag',
          run_id: 'run1',
          task_id: 'task',
          sent_ms: 3_990,
          ended_ms: 4_020,
        },
      ],
      lives: [{}],
      commits: [{ ...RUNNING, writer: null }, left('restarting', 4_000, null)],
    },
  ],
  [
    'a scheduler after the heartbeat time-out',
    {
      operations: [RUN, { sent_ms: 6_000 }],
      lives: [{ ended_ms: 50_000 }],
      commits: [RUNNING, left('up_for_retry', 26_100, 'wt-scheduler-1')],
    },
  ],
  [
    'a scheduler after the worker died without a word',
    {
      operations: [RUN],
      lives: [{ end: 'silent', ended_ms: 3_000 }],
      commits: [RUNNING, left('up_for_retry', 9_000, 'wt-scheduler-1')],
    },
  ],
  ['nothing, for it still runs', { operations: [RUN], lives: [{}], commits: [RUNNING] }],
])('leaving RUNNING by %s is no violation', async (_by, run) => {
  const result = await judge(run);
  expect(result.first).toBeNull();
});

test('a worker stopped right after the change was stopped by it, and did not end before', async () => {
  const result = await judge({
    operations: [RUN],
    lives: [{ ended_ms: 5_100, end: 'stopped' }],
    commits: [RUNNING, left('scheduled', 5_020, 'wt-scheduler-1')],
  });
  expect(result.variants).toEqual({ scheduler: 1 });
});

test('a report of success that was under way does not excuse a skip', async () => {
  const report = { ...REPORT, sent_ms: 5_100, outcome: 'unknown', status: null } as const;
  const result = await judge({
    operations: [RUN, SKIP, report],
    lives: [{ ended_ms: 9_000, end: 'gave-up' }],
    commits: [RUNNING, left('skipped', 5_020, API)],
  });
  expect(result.variants).toEqual({ 'skip-downstream': 1 });
});

test('it passes when skips met running tasks and left them alone', async () => {
  const result = await judge(skipsAtRunningTasks(3));
  expect(result).toMatchObject({ verdict: 'pass', exercised: 3, why_unknown: null });
});

test('a run with fewer skips at running tasks does not exercise it enough', async () => {
  const result = await judge(skipsAtRunningTasks(2));
  expect(result.verdict).toBe('unknown');
  expect(result.why_unknown).toBe(
    'not exercised enough: 2 of the required 3 skips at running tasks, late starts while tasks were taken back as ' +
      'stuck in QUEUED, and failures marked upstream of running tasks',
  );
});

test('a task that ended by itself during the skip does not exercise it', async () => {
  const run = skipsAtRunningTasks(3);
  const ended = { task_id: 't0', id: 'ti-0', state: 'success', committed_ms: 5_010, writer: API };
  expect((await judge({ ...run, commits: [...(run.commits ?? []), ended] })).exercised).toBe(2);
});

test('ids full of quotes, markup and line breaks are only ids', async () => {
  const hostile = `a'; DROP TABLE commits; -- <script>"\n{}%`;
  const result = await judge({
    operations: [
      { ...RUN, task_id: hostile },
      { ...SKIP, target: 'x' },
    ],
    lives: [{ task_id: hostile }],
    commits: [
      { ...RUNNING, task_id: hostile },
      { state: 'failed', task_id: hostile, committed_ms: 5_020, writer: API },
    ],
  });
  expect(result.verdict).toBe('fail');
  expect(result.first?.subject).toBe(`wt_dag/run1/${hostile}`);
});

function left(state: string, committed_ms: number, writer: string | null) {
  return { state, committed_ms, writer };
}

function skipsAtRunningTasks(n: number): LiteralRun {
  return {
    operations: many(n, (i) => ({ ...SKIP, op: 50 + i, target: `t${i}` })),
    lives: [{}],
    commits: many(n, (i) => ({ ...RUNNING, id: `ti-${i}`, task_id: `t${i}` })),
  };
}
