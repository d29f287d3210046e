import { expect, test } from 'vitest';

import { judgeLiteral, many } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (run: LiteralRun) => judgeLiteral('handed-off-can-start', run);

const LIFE = { handed_ms: 1_000, started_ms: null, end: 'refused', scheduler: 'scheduler-1' } as const;
const REFUSED = {
  op: 5,
  kind: 'run',
  sent_ms: 1_500,
  ended_ms: 1_520,
  outcome: 'refused',
  status: 409,
  reason: 'invalid_state',
} as const;
const QUEUED = { state: 'queued', committed_ms: 900, writer: 'wt-scheduler-1' } as const;

test('a worker with a token that lay in the queue for longer than a task may is refused rightly', async () => {
  const refused = (handed_ms: number) =>
    judge({
      manifest: { identity: { task_queued_timeout_s: '8' } },
      lives: [{ ...LIFE, handed_ms }],
      operations: [{ ...REFUSED, sent_ms: 20_000, ended_ms: 20_010, status: 403, reason: null }],
      commits: [{ ...QUEUED, committed_ms: handed_ms - 100 }],
    });
  expect((await refused(12_000)).violations).toBe(0);
  expect((await refused(13_000)).variants).toEqual({ token: 1 });
});

test('a queued try that a scheduler failed under the worker is a violation that names it', async () => {
  const result = await judge({
    lives: [LIFE],
    operations: [{ ...REFUSED, found_state: 'failed' }],
    commits: [QUEUED, { state: 'failed', committed_ms: 1_220, writer: 'wt-scheduler-2' }],
  });
  expect(result).toMatchObject({ verdict: 'fail', violations: 1, variants: { 'scheduler set failed': 1 } });
  expect(result.first).toMatchObject({ at_ms: 1_520, severity: 520, operations: [5], commits: [2] });
  expect(result.first?.sentence).toBe(
    'scheduler-1 handed wt_dag/run1/task (try 1) to worker w-1, and its start was refused with 409 invalid_state ' +
      '(found FAILED); wt-scheduler-2 had set it to FAILED 0.3 s before.',
  );
});

test('a try that its first worker ran although it had been taken back has a variant of its own', async () => {
  const statement =
    "UPDATE task_instance SET state='scheduled', queued_dttm=NULL, scheduled_dttm='…'::timestamptz, " +
    'queued_by_job_id=NULL';
  const judged = (sets: string) =>
    judge({
      lives: [LIFE],
      operations: [{ ...REFUSED, found_state: 'success' }],
      commits: [
        { ...QUEUED, committed_ms: 500 },
        { state: 'scheduled', committed_ms: 600, writer: 'wt-scheduler-2', statement: sets },
        QUEUED,
        { state: 'running', committed_ms: 1_100, writer: 'wt-api-execution-1' },
        { state: 'success', committed_ms: 1_200, writer: 'wt-api-execution-1' },
      ],
    });
  expect((await judged(statement)).variants).toEqual({ 'stuck in queued': 1 });
  expect((await judged("UPDATE task_instance SET state='scheduled'")).variants).toEqual({
    'api-execution set success': 1,
  });
});

test('a token that does not open the start is a violation', async () => {
  const result = await judge({
    lives: [LIFE],
    operations: [{ ...REFUSED, status: 403, reason: null }],
    commits: [QUEUED],
  });
  expect(result.first).toMatchObject({ variant: 'token' });
  expect(result.first?.sentence).toContain('the token that came with it was not accepted.');
});

test('an operator, a skip and a dead scheduler explain it', async () => {
  const operator = { state: null, id: 'ti-2', old_id: 'ti-1', committed_ms: 1_200, writer: 'wt-api-core-1' };
  const gone = { ...REFUSED, status: 404, reason: 'not_found' } as const;
  expect((await judge({ lives: [LIFE], operations: [gone], commits: [QUEUED, operator] })).violations).toBe(0);

  const skip = {
    kind: 'skip_downstream',
    life: 2,
    task_id: 'pick',
    ti_id: 'ti-9',
    target: 'task',
    sent_ms: 1_190,
    ended_ms: 1_230,
  } as const;
  const skipped = { state: 'skipped', committed_ms: 1_200, writer: 'wt-api-execution-1' };
  const bySkip = { lives: [LIFE], commits: [QUEUED, skipped] };
  expect((await judge({ ...bySkip, operations: [REFUSED, skip] })).violations).toBe(0);
  expect((await judge({ ...bySkip, operations: [REFUSED] })).variants).toEqual({ 'api-execution set skipped': 1 });

  const reset = { ...operator, writer: 'wt-scheduler-2' };
  const adopted = { lives: [LIFE], operations: [gone], commits: [QUEUED, reset] };
  expect((await judge(adopted)).variants).toEqual({ 'scheduler set none': 1 });
  const server_log = [{ at_ms: 100, source: 'scheduler-1', severity: 'FATAL', message: 'scheduler-1 was ended' }];
  expect((await judge({ ...adopted, server_log })).violations).toBe(0);
  const killed = (opened_ms: number) => [{ fault: 'kill', victim: 'scheduler-1', opened_ms, closed_ms: opened_ms }];
  expect((await judge({ ...adopted, faults: killed(-100_000) })).violations).toBe(0);
  expect((await judge({ ...adopted, faults: killed(-130_000) })).violations).toBe(1);
});

test('where the writers are unknown, an action that may have caused it explains it', async () => {
  const clear = { op: 9, actor: 'operator', kind: 'clear', dag_id: 'wt_dag', run_id: 'run1', task_id: 'task' } as const;
  const result = await judge({
    manifest: { writers: 'none' },
    lives: [LIFE],
    operations: [
      { ...REFUSED, status: 404 },
      { ...clear, sent_ms: 1_100, ended_ms: 1_300 },
    ],
    commits: [QUEUED, { state: null, id: 'ti-2', old_id: 'ti-1', committed_ms: 1_200 }],
  });
  expect(result.violations).toBe(0);
});

test('who clears a queued task may change its id first, and its state after that', async () => {
  const gone = { ...REFUSED, status: 404, reason: 'not_found' } as const;
  const cleared = (writer: string) => ({
    lives: [LIFE],
    operations: [gone],
    commits: [
      QUEUED,
      { state: 'queued', id: 'ti-2', old_id: 'ti-1', committed_ms: 1_200, writer },
      { state: null, id: 'ti-2', committed_ms: 1_200, writer },
    ],
  });
  expect((await judge(cleared('wt-api-core-1'))).violations).toBe(0);
  expect((await judge(cleared('wt-api-execution-1'))).violations).toBe(1);
});

test('a start that is sent again may meet its first sending', async () => {
  const result = await judge({ lives: [LIFE], operations: [{ ...REFUSED, attempt: 2 }], commits: [QUEUED] });
  expect(result).toMatchObject({ verdict: 'unknown', violations: 0, exercised: 0 });
});

test('it passes where all were let in', async () => {
  const result = await judge({
    lives: [LIFE],
    operations: many(50, () => ({ kind: 'run' as const })),
    commits: [QUEUED],
  });
  expect(result).toMatchObject({ verdict: 'pass', exercised: 50 });
});

test('of two workers with one workload, which a fault gave them, one is refused; but not both', async () => {
  const owner = { handed_ms: 1_000, started_ms: 1_300 } as const;
  const copy = { ...LIFE, life: 2, worker: 'w-2', duplicate_of: 1 } as const;
  const accepted = { op: 4, kind: 'run', life: 1, sent_ms: 1_290 } as const;
  const refused = { ...REFUSED, life: 2, worker: 'w-2' } as const;
  const commits = [QUEUED, { state: 'running', committed_ms: 1_292, writer: 'wt-api-execution-1' }];
  const explained = await judge({ lives: [owner, copy], operations: [accepted, refused], commits });
  expect(explained.violations).toBe(0);
  // The first to come may be the copy.
  const other = [
    { ...accepted, life: 2 },
    { ...REFUSED, life: 1 },
  ];
  expect((await judge({ lives: [owner, copy], operations: other, commits })).violations).toBe(0);
  const both = [{ ...accepted, outcome: 'refused', status: 409 } as const, refused];
  expect((await judge({ lives: [LIFE, copy], operations: both, commits: [QUEUED] })).violations).toBe(2);
  // The duplicate of another workload explains nothing.
  const strange = [owner, { ...copy, ti_id: 'ti-7', duplicate_of: 7 }];
  expect((await judge({ lives: strange, operations: [accepted, refused], commits })).violations).toBe(1);
});

test('a late copy of the first part of a task explains that the worker of its second part is refused', async () => {
  // Life 1 deferred; 2 is its copy, which starts when the task is queued for life 3; 4 is the copy of life 3.
  const lives = [
    { life: 1, handed_ms: 200, started_ms: 250, end: 'reported' },
    { life: 2, worker: 'w-2', handed_ms: 200, started_ms: 1_100, duplicate_of: 1 },
    { ...LIFE, life: 3, worker: 'w-3' },
    { ...LIFE, life: 4, worker: 'w-4', duplicate_of: 3 },
  ] as const;
  const operations = [
    { op: 1, kind: 'run', life: 1, sent_ms: 240 },
    { op: 2, kind: 'run', life: 2, worker: 'w-2', sent_ms: 1_090 },
    { ...REFUSED, op: 3, life: 3, worker: 'w-3' },
    { ...REFUSED, op: 4, life: 4, worker: 'w-4' },
  ] as const;
  const commits = [QUEUED, { state: 'running', committed_ms: 1_095, writer: 'wt-api-execution-1' }];
  expect((await judge({ lives, operations, commits })).violations).toBe(0);
  // Without copies another worker may not have the place.
  const originals = lives.map((life) => ({ ...life, duplicate_of: null }));
  expect((await judge({ lives: originals, operations, commits })).violations).toBe(2);
});

test('a run that an operator deleted explains it, another run does not', async () => {
  const gone = { ...REFUSED, status: 404, reason: 'not_found' } as const;
  const deletion = { actor: 'operator', kind: 'delete', dag_id: 'wt_dag', run_id: 'run1', sent_ms: 1_400 } as const;
  expect((await judge({ lives: [LIFE], operations: [gone, deletion], commits: [QUEUED] })).violations).toBe(0);
  const other = { ...deletion, run_id: 'run2' };
  expect((await judge({ lives: [LIFE], operations: [gone, other], commits: [QUEUED] })).violations).toBe(1);
  const refused = { ...deletion, outcome: 'refused', status: 409 } as const;
  expect((await judge({ lives: [LIFE], operations: [gone, refused], commits: [QUEUED] })).violations).toBe(1);
});
