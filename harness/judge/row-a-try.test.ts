import { expect, test } from 'vitest';

import { judgeLiteral, withLiteralRun } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

/** From 3.4 on each try has a row. */
const manifest = { row_a_try: true };
const API = 'wt-api-execution-1';
const current = { working_set: true, max_tries: 1 };
const former = { working_set: null, archived_reason: 'retry', max_tries: 1 };

const SCHEDULER = 'wt-scheduler-1';
const BEGUN = [
  { change: 'insert', state: null, try_number: 0, committed_ms: 500, writer: SCHEDULER, row: current },
  { state: 'scheduled', committed_ms: 600, writer: SCHEDULER, row: current },
  { state: 'queued', committed_ms: 700, writer: SCHEDULER, row: current },
  { state: 'running', committed_ms: 1_000, writer: API, row: current },
];
/** One transaction: the row of the try is left, and one for the next is made. */
const RETRY = [
  { xid: 9, state: 'up_for_retry', committed_ms: 5_000, writer: API, row: current },
  { xid: 9, state: 'failed', committed_ms: 5_000, writer: API, row: former },
  {
    ...{ xid: 9, change: 'insert', id: 'ti-2', state: 'up_for_retry', try_number: 2 },
    ...{ committed_ms: 5_000, writer: API, row: current },
  },
];
const AGAIN = { id: 'ti-2', try_number: 2, writer: SCHEDULER, row: current };

async function changesOf(commits: NonNullable<LiteralRun['commits']>): Promise<string[]> {
  return withLiteralRun({ manifest, commits }, async (run) => {
    const rows = await run.rows(`SELECT format('{}: {} {} {} → {} {} {}', seq, change, coalesce(old_ti_id, '-'),
      coalesce(old_state, '-'), ti_id, coalesce(state, '-'), try_number) AS said
      FROM task_instance_changes ORDER BY seq`);
    return rows.map(({ said }) => String(said));
  });
}

test('a retry that leaves a row and inserts one is one change, with another id and the next try number', async () => {
  expect(await changesOf([...BEGUN, ...RETRY, { ...AGAIN, state: 'scheduled' }])).toEqual([
    '1: insert - - → ti-1 - 0',
    '2: update ti-1 - → ti-1 scheduled 1',
    '3: update ti-1 scheduled → ti-1 queued 1',
    '4: update ti-1 queued → ti-1 running 1',
    '5: update ti-1 running → ti-1 up_for_retry 1',
    '7: update ti-1 up_for_retry → ti-2 up_for_retry 2',
    '8: update ti-2 up_for_retry → ti-2 scheduled 2',
  ]);
});

test('of a task instance that is deleted, and made again, the rows of former tries count for nothing', async () => {
  const deleted = { change: 'delete', dag_id: null, run_id: null, task_id: null, map_index: null, state: null };
  expect(
    await changesOf([
      ...BEGUN,
      ...RETRY,
      // What a late request still writes into the row of the former try.
      { state: 'failed', committed_ms: 5_500, writer: API, row: former },
      { ...deleted, id: 'ti-1', row: {} },
      { ...deleted, id: 'ti-2', row: {} },
      { change: 'insert', id: 'ti-3', state: null, try_number: 0, row: current },
    ]),
  ).toEqual([
    '1: insert - - → ti-1 - 0',
    '2: update ti-1 - → ti-1 scheduled 1',
    '3: update ti-1 scheduled → ti-1 queued 1',
    '4: update ti-1 queued → ti-1 running 1',
    '5: update ti-1 running → ti-1 up_for_retry 1',
    '7: update ti-1 up_for_retry → ti-2 up_for_retry 2',
    '10: delete ti-2 up_for_retry → ti-2 - 2',
    '11: insert - - → ti-3 - 0',
  ]);
});

test('a retry with which the record of a task begins is no new task instance', async () => {
  const [, , next] = RETRY;
  expect(await changesOf([{ state: 'failed', row: former }, next ?? {}])).toEqual([
    '2: update ti-2 - → ti-2 up_for_retry 2',
  ]);
  const commits = [{ state: 'failed', row: former }, next ?? {}];
  expect(await judgeLiteral('tasks-change-as-allowed', { manifest, commits })).toMatchObject({ variants: {} });
});

test('the state in which a clear made the next try is none that it left', async () => {
  const clear = { xid: 11, committed_ms: 4_000, writer: 'wt-api-core-1' };
  const next = { ...clear, id: 'ti-2', try_number: 2, row: current };
  const commits = [
    ...BEGUN,
    { ...clear, state: 'failed', row: former },
    // As it had read the task before a worker began it.
    { ...next, change: 'insert', state: 'scheduled' },
    { ...next, state: null },
  ];
  const { variants } = await judgeLiteral('tasks-change-as-allowed', { manifest, commits });
  expect(variants).toEqual({});
  const left = commits.slice(0, -1);
  expect((await judgeLiteral('tasks-change-as-allowed', { manifest, commits: left })).variants).toEqual({
    'api-core: running → scheduled': 1,
  });
});

test('a worker that has stopped says so of a superseded try, and releases a task in RESTARTING', async () => {
  const stopped = { op: 5, kind: 'state', requested: 'server_terminated', status: 204, sent_ms: 8_000 } as const;
  const late = await judgeLiteral('a-superseded-try-is-refused', {
    manifest,
    operations: [stopped, { ...stopped, op: 6, requested: 'success' }],
    commits: [...BEGUN, ...RETRY],
  });
  expect(late).toMatchObject({ exercised: 1, violations: 1 });
  expect(late.first?.operations).toEqual([6]);
  const released = [
    { state: 'restarting', committed_ms: 1_500, writer: 'wt-api-core-1', row: current },
    { state: null, committed_ms: 2_000, writer: API, row: current },
  ];
  const commits = [...BEGUN, ...released];
  expect((await judgeLiteral('tasks-change-as-allowed', { manifest, commits })).variants).toEqual({});
  expect((await judgeLiteral('tasks-change-as-allowed', { commits })).variants).toEqual({
    'api-execution: restarting → none': 1,
  });
});

test('a worker that may not start a task in RESTARTING was refused for that', async () => {
  const refused = { op: 3, kind: 'impostor_run', status: 409, outcome: 'refused', sent_ms: 2_000 } as const;
  const commits = [...BEGUN, { state: 'restarting', committed_ms: 1_500, writer: 'wt-api-core-1', row: current }];
  const operations = [{ ...refused, reason: 'running_elsewhere', found_state: 'restarting', worker: 'w-1-impostor' }];
  const classes = await withLiteralRun({ manifest, commits, operations }, (run) =>
    run.rows('SELECT class FROM refusal_classes'),
  );
  expect(classes).toEqual([{ class: 'legitimate' }]);
});

const retried = {
  manifest,
  operations: [{ op: 7, kind: 'state', requested: 'up_for_retry', sent_ms: 4_990 }],
} as const;

test('the try that was followed by another is the one that ended', async () => {
  const result = await judgeLiteral('a-retry-is-a-retry', {
    ...retried,
    commits: [...BEGUN, ...RETRY, { ...AGAIN, state: 'scheduled', committed_ms: 5_100 }],
  });
  expect(result.variants).toEqual({ 'too early': 1 });
  expect(result.first?.sentence).toMatch(/^Try 1 of .* failed; wt-scheduler-1 scheduled the next one 0.1 s later/);
});

test('a try is counted when it gets its row, and not again when it is scheduled', async () => {
  const result = await judgeLiteral('a-retry-is-a-retry', {
    ...retried,
    commits: [...BEGUN, ...RETRY, { ...AGAIN, try_number: 3, state: 'scheduled', committed_ms: 6_500 }],
  });
  expect(result.variants).toEqual({ miscounted: 1 });
});

test('a result that belongs to a try is not there for the next one', async () => {
  const push = { op: 1, kind: 'xcom_push', target: 'return_value', requested: 'life 1', sent_ms: 2_000 } as const;
  const begin = { op: 2, kind: 'run', life: 2, ti_id: 'ti-2', try_number: 2, sent_ms: 7_000 } as const;
  const fields = { ...begin, op: 3, kind: 'rtif', sent_ms: 7_100 } as const;
  const run = { operations: [push, begin, fields], lives: [{}, { ti_id: 'ti-2', try_number: 2 }], commits: BEGUN };
  const before = await judgeLiteral('results-belong-to-their-try', run);
  expect(before).toMatchObject({ exercised: 1, variants: { 'not cleared': 1 } });
  const since = await judgeLiteral('results-belong-to-their-try', { ...run, manifest });
  expect(since).toMatchObject({ exercised: 1, variants: {} });
});
