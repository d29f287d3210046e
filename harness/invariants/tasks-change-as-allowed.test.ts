import { expect, test } from 'vitest';

import { judgeLiteral, many } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (run: LiteralRun) => judgeLiteral('tasks-change-as-allowed', run);
const API = 'wt-api-execution-1';
const CORE = 'wt-api-core-1';
const SCHEDULER = 'wt-scheduler-1';
const TRIGGERER = 'wt-triggerer-1';

/** One task instance through these states, each written by the process before it. */
function variant(...steps: readonly (readonly [writer: string | null, state: string | null])[]) {
  return steps.map(([writer, state], i) => ({
    state,
    writer,
    change: i === 0 ? 'insert' : 'update',
    committed_ms: 1_000 * (i + 1),
    statement: 'UPDATE task_instance SET state = 1',
  }));
}

const ORDINARY = variant([SCHEDULER, null], [SCHEDULER, 'scheduled'], [SCHEDULER, 'queued'], [API, 'running']);

test('a triggerer that queues what it resumes is a violation', async () => {
  const commits = variant([SCHEDULER, null], [SCHEDULER, 'scheduled'], [SCHEDULER, 'queued'], [API, 'running']);
  const result = await judge({
    commits: [...commits, ...variant(['', null], [API, 'deferred'], [TRIGGERER, 'queued']).slice(1)],
  });
  expect(result).toMatchObject({ verdict: 'fail', violations: 1, variants: { 'triggerer: deferred → queued': 1 } });
  expect(result.first).toMatchObject({ at_ms: 3_000, subject: 'wt_dag/run1/task', commits: [6] });
  expect(result.first?.sentence).toBe(
    'wt-triggerer-1 changed wt_dag/run1/task from DEFERRED to QUEUED, which no triggerer may do ' +
      '(«UPDATE task_instance SET state = 1»).',
  );
});

test.each<[string, ReturnType<typeof variant>, string]>([
  [
    'schedules a skipped task',
    variant([SCHEDULER, null], [API, 'skipped'], [SCHEDULER, 'scheduled']),
    'scheduler: skipped → scheduled',
  ],
  [
    'starts a skipped task',
    variant([SCHEDULER, null], [API, 'skipped'], [API, 'running']),
    'api-execution: skipped → running',
  ],
  [
    'brings a finished task back',
    [...ORDINARY, ...variant(['', null], [API, 'success'], [SCHEDULER, 'running']).slice(1)],
    'scheduler: success → running',
  ],
  [
    'starts what was not queued',
    variant([SCHEDULER, null], [SCHEDULER, 'scheduled'], [API, 'running']),
    'api-execution: scheduled → running',
  ],
  [
    'queues for a scheduler',
    variant([SCHEDULER, null], [SCHEDULER, 'scheduled'], [CORE, 'queued']),
    'api-core: scheduled → queued',
  ],
  [
    'writes states as dag-processor',
    variant([SCHEDULER, null], ['wt-dag-processor-1', 'removed']),
    'dag-processor: none → removed',
  ],
  ['makes a task that runs already', variant([CORE, 'running']), 'api-core: made running'],
])('a process that %s is a violation', async (_what, commits, way) => {
  expect((await judge({ commits })).variants).toEqual({ [way]: 1 });
});

test.each<[string, ReturnType<typeof variant>]>([
  ['an operator clears and marks', variant([CORE, null], [CORE, 'failed'], [CORE, null], [CORE, 'success'])],
  [
    'a cleared task ends its worker',
    [...ORDINARY, ...variant(['', null], [CORE, 'restarting'], [SCHEDULER, 'up_for_retry']).slice(1)],
  ],
  ['a trigger fires', [...ORDINARY, ...variant(['', null], [API, 'deferred'], [TRIGGERER, 'scheduled']).slice(1)]],
  ['an orphan is reset', [...ORDINARY, ...variant(['', null], [SCHEDULER, null]).slice(1)]],
  ['the writer is unknown', variant([SCHEDULER, null], [null, 'running'])],
])('it is well when %s', async (_when, commits) => {
  expect((await judge({ commits })).first).toBeNull();
});

const QUEUED = variant([SCHEDULER, null], [SCHEDULER, 'scheduled'], [SCHEDULER, 'queued']);
const next = (at_ms: number, state: string) => ({ state, writer: SCHEDULER, change: 'update', committed_ms: at_ms });

test.each([
  ['scheduled', 'failed', 'no worker of it was lost'],
  ['queued', 'up_for_retry', 'no worker of it was lost'],
  ['queued', 'scheduled', 'it had been queued for 7.0 s, and is stuck after 600.0 s'],
] as const)('a scheduler that sets a task from %s to %s without a cause is a violation', async (from, to, why) => {
  const commits = [...(from === 'queued' ? QUEUED : QUEUED.slice(0, 2)), next(10_000, to)];
  const result = await judge({ commits, lives: [{ ti_id: 'another', end: 'never-started', ended_ms: 9_000 }] });
  expect(result.variants).toEqual({ [`scheduler: ${from} → ${to} without a cause`]: 1 });
  expect(result.first?.sentence).toBe(
    `wt-scheduler-1 changed wt_dag/run1/task from ${from.toUpperCase()} to ${to.toUpperCase()} ` +
      `without a cause: ${why}.`,
  );
});

test('a worker that was lost explains that its task is failed, and one that reported its end does not', async () => {
  const resumed = [...ORDINARY, ...variant(['', null], [API, 'deferred'], [TRIGGERER, 'scheduled']).slice(1)];
  const after = (end: 'reported' | 'never-started' | 'refused' | 'stopped') =>
    judge({ commits: [...resumed, next(10_000, 'failed')], lives: [{ end, ended_ms: 9_000 }] });
  for (const end of ['never-started', 'refused', 'stopped'] as const) expect((await after(end)).first).toBeNull();
  expect((await after('reported')).variants).toEqual({ 'scheduler: scheduled → failed of a resumed task': 1 });
  const said = (await after('reported')).first?.sentence;
  expect(said).toContain('without a cause: its worker w-1 had reported its own end 1.0 s before.');
});

test('a rescheduled task that is failed for news of its last look has a variant of its own', async () => {
  const again = variant(['', null], [API, 'up_for_reschedule'], [SCHEDULER, 'scheduled'], [SCHEDULER, 'queued']);
  const commits = [...ORDINARY, ...again.slice(1), next(10_000, 'up_for_retry')];
  const result = await judge({ commits, lives: [{ end: 'reported', ended_ms: 9_000 }] });
  expect(result.variants).toEqual({ 'scheduler: queued → up_for_retry of a rescheduled task': 1 });
});

test('it is the same task that is failed where the row gets its next id before, in one transaction', async () => {
  const again = variant(['', null], [API, 'deferred'], [TRIGGERER, 'scheduled']);
  const renewed = { ...next(10_000, 'scheduled'), id: 'ti-2', old_id: 'ti-1', xid: 9 };
  const failed = { ...next(10_000, 'up_for_retry'), id: 'ti-2', xid: 9 };
  const commits = [...ORDINARY, ...again.slice(1), renewed, failed];
  const result = await judge({ commits, lives: [{ end: 'reported', ended_ms: 9_000 }] });
  expect(result.variants).toEqual({ 'scheduler: scheduled → up_for_retry of a resumed task': 1 });
  const lost = await judge({ commits, lives: [{ end: 'never-started', ended_ms: 9_000 }] });
  expect(lost.first).toBeNull();
});

test('so do a long time in the queue, a DAG that is not found, and a record that lacks lives', async () => {
  const lives = [{ ti_id: 'another' }];
  const stuck = { commits: [...QUEUED, next(40_000, 'failed')], lives };
  const identity = { task_queued_timeout_s: '20' };
  expect((await judge({ ...stuck, manifest: { identity } })).first).toBeNull();
  // An executor's id, which is written later, does not begin the time again.
  const noted = { ...next(30_000, 'queued'), writer: SCHEDULER };
  const late = { commits: [...QUEUED, noted, next(40_000, 'scheduled')], lives, manifest: { identity } };
  expect((await judge(late)).first).toBeNull();
  const log = { at_ms: 41_000, source: 'scheduler-1', message: "DAG 'wt_dag' for x not found in serialized_dag table" };
  expect((await judge({ ...stuck, server_log: [log] })).first).toBeNull();
  expect((await judge({ commits: stuck.commits })).first).toBeNull();
  expect((await judge(stuck)).violations).toBe(1);
});

test('a scheduler that skips what a branch did not follow has a variant of its own', async () => {
  const branch = { life: 2, task_id: 'pick', ti_id: 'ti-pick', sent_ms: 3_500, ended_ms: 3_600 } as const;
  const operations = [
    { ...branch, op: 1, kind: 'xcom_push', target: 'skipmixin_key' },
    { ...branch, op: 2, kind: 'skip_downstream', target: 'other task' },
  ] as const;
  const skipped = variant([SCHEDULER, null], [SCHEDULER, 'scheduled'], [SCHEDULER, 'queued'], [SCHEDULER, 'skipped']);
  const variantsOf = async (run: LiteralRun) => (await judge({ commits: skipped, ...run })).variants;
  const notFollowed = { 'scheduler: queued → skipped, which a branch did not follow': 1 };
  expect(await variantsOf({ operations })).toEqual(notFollowed);
  expect(await variantsOf({})).toEqual({ 'scheduler: queued → skipped': 1 });
});

test('it passes when a hundred changes were as they may be, and is unknown with fewer', async () => {
  const commits = (n: number) =>
    many(n, (i) =>
      variant([SCHEDULER, null], [SCHEDULER, 'scheduled']).map((row) => ({ ...row, task_id: `t${i}`, id: `${i}` })),
    ).flat();
  expect(await judge({ commits: commits(100) })).toMatchObject({ verdict: 'pass', exercised: 100 });
  expect(await judge({ commits: commits(99) })).toMatchObject({ verdict: 'unknown', exercised: 99 });
});

test('it is unknown where the writers were not recorded', async () => {
  expect(await judge({ manifest: { writers: 'none' }, commits: ORDINARY })).toMatchObject({ verdict: 'unknown' });
});
