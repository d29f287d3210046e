import { afterAll, expect, test } from 'vitest';

import { HttpTransport } from '../harness/fleet/http-transport.ts';
import type { LifeEnd, Operation } from '../harness/model/operation.ts';
import { Rng } from '../harness/model/rng.ts';
import type { Habits, TaskSpec } from '../harness/model/scenario.ts';
import { CancelSource } from '../harness/worker/cancel.ts';
import { workerClient } from '../harness/worker/client.ts';
import { Hazards } from '../harness/worker/hazards.ts';
import { RunningLife } from '../harness/worker/life.ts';
import { Requests } from '../harness/worker/requests.ts';
import { onApi, type TestApi } from '../reference/api/test-api.ts';
import { setTask } from '../reference/scheduler/test-scheduler.ts';
import { REAL_CLIENT, STEADY_HABITS } from '../workloads/shapes.ts';

/** The reference stack takes what the workers of each release send, as far as it knows their API. */

let api: TestApi;
let transport: HttpTransport;
onApi((started) => {
  api = started;
  transport = new HttpTransport([started.executionUrl], 4, 5_000);
});
afterAll(() => transport.close());

interface Part {
  readonly task?: Partial<TaskSpec>;
  readonly habits?: Partial<Habits>;
  readonly follows?: readonly string[];
  readonly triggers?: string;
  readonly mapIndex?: number;
  /** Called when its fields are written. */
  during?(): Promise<unknown>;
}

let lives = 0;

/** Plays a life of half a second of that task instance, and returns how it ended and what it sent. */
async function play(release: string, id: string, runId: string, part: Part): Promise<[LifeEnd, string[]]> {
  const life = ++lives;
  const startedMs = performance.now();
  const clock = { startedAt: new Date(), now: () => performance.now() - startedMs };
  const client = workerClient(release);
  const rows: Operation[] = [];
  const operationLog = {
    correlation: `life-${life}`,
    takeNumber: () => rows.length + 1,
    sent: () => undefined,
    recordOperation: (row: Operation) => {
      rows.push(row);
      if (row.kind === 'rtif') void part.during?.();
    },
  };
  const playing = new RunningLife({
    spec: {
      life,
      duplicateOf: null,
      worker: `w-${life}`,
      pid: 1_000 + life,
      workload: {
        token: await api.token(id),
        ti: {
          id,
          dag_id: runId.replace(/-run$/, ''),
          run_id: runId,
          task_id: 'a',
          map_index: part.mapIndex ?? -1,
          try_number: 1,
        },
      },
      task: { task_id: 'a', upstream: [], duration_ms: [500, 500], ...part.task },
      fleet: {
        ...REAL_CLIENT,
        heartbeat_ms: 150,
        parse_ms: [20, 20],
        habits: { ...STEADY_HABITS, fails: 0, xcom: 0, ends_on_sigterm: 0, ...part.habits },
      },
      client,
      outlets: [],
      triggers: part.triggers ?? null,
      follows: part.follows ?? [],
      handedMs: 0,
      seed: 1,
      name: runId,
      turn: life,
    },
    requests: new Requests({ transport, attempts: 5, headers: client.headers, clock, operationLog }),
    clock,
    rng: new Rng(life),
    hazards: new Hazards().of(life, new Rng(life)),
    hooks: {
      isRevoked: () => false,
      onStarted: () => undefined,
      onLeaving: () => undefined,
      cancel: new CancelSource(),
    },
  }).play();
  const end = await playing;
  return [end, rows.filter(({ kind }) => kind !== 'heartbeat').map(({ kind, status }) => `${kind} ${status}`)];
}

const RELEASES = ['3.1.8', '3.2.1', '3.3.2'];
const STARTED = ['run 200', 'rtif 201'];

test.each(RELEASES)('of %s: results, a branch, and what an earlier try left', async (release) => {
  const run = await api.run(`plain-${release.replaceAll('.', '-')}`, [
    { task_id: 'a', upstream: [] },
    { task_id: 'left', upstream: ['a'] },
    { task_id: 'right', upstream: ['a'] },
  ]);
  const pushed = ['xcom_push 201', 'state 204'];
  expect(await play(release, await api.queued(run), run, { habits: { xcom: 1 } })).toEqual([
    'reported',
    [...STARTED, ...pushed],
  ]);
  const branch = { task: { skips: ['right'] }, follows: ['left'] };
  expect(await play(release, await api.queued(run), run, branch)).toEqual([
    'reported',
    ['run 200', 'other 200', 'xcom_clear 200', 'rtif 201', 'xcom_push 201', 'skip_downstream 204', 'state 204'],
  ]);
  expect(await api.row(run, 'right')).toMatchObject({ state: 'skipped' });
  expect(await api.row(run, 'left')).toMatchObject({ state: null });
});

test.each(RELEASES)('of %s: a deferral, and a task that is rescheduled and then ends', async (release) => {
  const run = await api.run(`waits-${release.replaceAll('.', '-')}`);
  expect(await play(release, await api.queued(run), run, { habits: { defers: 1 } })).toEqual([
    'reported',
    [...STARTED, 'state 204'],
  ]);
  expect(await api.row(run)).toMatchObject({ state: 'deferred', next_method: 'execute_complete' });
  const sensor = { habits: { reschedules: 1 } };
  const again = await api.run(`again-${release.replaceAll('.', '-')}`);
  expect(await play(release, await api.queued(again), again, sensor)).toEqual(['reported', [...STARTED, 'state 204']]);
  expect(await api.row(again)).toMatchObject({ state: 'up_for_reschedule' });
  expect(await play(release, await api.queued(again), again, sensor)).toEqual([
    'reported',
    [...STARTED, 'other 200', 'state 204'],
  ]);
  expect(await api.row(again)).toMatchObject({ state: 'success' });
});

test.each(['3.1.8', '3.3.2'])(
  'of %s: a task that is failed while its worker works: what the worker does is sent all the same',
  async (release) => {
    const run = await api.run(`taken-${release.replaceAll('.', '-')}`);
    const during = () => setTask(api.pool, run, 'a', { state: 'failed' });
    const [end, sent] = await play(release, await api.queued(run), run, {
      habits: { xcom: 1 },
      task: { duration_ms: [1_500, 1_500] },
      during,
    });
    expect(end).toBe('stopped');
    const second = release === '3.3.2' ? ['state 409'] : [];
    expect(sent).toEqual([...STARTED, 'xcom_push 201', 'state 409', ...second]);
    expect(await api.row(run)).toMatchObject({ state: 'failed' });
  },
);

test.each(RELEASES)('of %s: a run is triggered once, also where each answer is lost', async (release) => {
  const name = release.replaceAll('.', '-');
  const run = await api.run(`triggers-${name}`);
  await api.run(`child-${name}`);
  const part = { habits: { lost_answer: 1 }, triggers: `child-${name}` };
  expect(await play(release, await api.queued(run), run, part)).toEqual([
    'reported',
    [
      ...['run null', 'run 200', 'rtif 201', ...(release === '3.3.2' ? ['xcom_push 201'] : [])],
      ...['trigger_run null', 'trigger_run 204', 'xcom_push 201', 'state null', 'state 200'],
      ...['other 200', 'xcom_push 201'],
    ],
  ]);
  const { rows } = await api.pool.query(
    "SELECT dag_run.conf FROM dag_run WHERE dag_run.dag_id = $1 AND dag_run.run_type = 'operator_triggered'",
    [`child-${name}`],
  );
  expect(rows).toEqual([{ conf: { windtunnel: `life ${lives}` } }]);
  const linked = await api.pool.query<{ value: string }>(
    "SELECT xcom.value::text AS value FROM xcom WHERE xcom.run_id = $1 AND xcom.key = '_link_TriggerDagRunLink'",
    [run],
  );
  expect(linked.rows[0]?.value).toContain(`/dags/child-${name}/runs/manual__`);
});
