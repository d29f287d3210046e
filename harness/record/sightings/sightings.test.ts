import { setTimeout as sleep } from 'node:timers/promises';

import { expect, test } from 'vitest';

import { actionWords } from '../../judge/action-words.ts';
import type { Sighting } from '../../model/sighting.ts';
import type { ActionWords } from './deadlock.ts';
import { Sightings } from './sightings.ts';

const TASK = { dag_id: 'wt_a', run_id: 'r1', task_id: 't1', map_index: -1, try_number: 1, ti_id: 'ti-1' };
const SENT = { actor: 'life', worker: 'w-1', attempt: 1, sent_ms: 5_000, ended_ms: 5_050, ...TASK };
const OK = { ...SENT, outcome: 'ok', status: 200 };
const REFUSED = { ...SENT, outcome: 'refused', status: 409, reason: 'not_running', found_state: 'skipped' };
const FAILED = { ...SENT, op: 50, kind: 'state', outcome: 'unknown', status: 500, message: 'Internal Server Error' };
const HEARTBEAT = { ...REFUSED, op: 40, kind: 'heartbeat' };
const CHANGE = { relation: 'task_instance', change: 'update', id: 'ti-1', old_id: null, ...TASK, row: {} };
const STARTED = { ...CHANGE, seq: 1, xid: 700, committed_ms: 1_000, state: 'running', writer: 'wt-api-execution-1' };
const TAKEN = { ...CHANGE, seq: 2, xid: 701, committed_ms: 4_600 };

type Rows = readonly (readonly [table: 'operations' | 'commits' | 'server_log' | 'backends' | 'faults', row: object])[];

/** Passes rows on as the parts of a run do; `said` fills as it goes. */
function listening(actions: ActionWords = actionWords) {
  const said: Sighting[] = [];
  const recorded: [string, object][] = [];
  const record = {
    append: (table: string, row: object) => void recorded.push([table, row]),
    flush: async () => undefined,
    behindMs: 0,
  };
  const began = performance.now();
  const now = () => performance.now() - began;
  const clock = { now, startedAt: new Date(), fromWall: (ms: number) => ms };
  const sightings = new Sightings({ record, clock, actions, say: (seen) => said.push(seen) });
  return { sightings, said, recorded };
}

async function saidOf(...rows: Rows): Promise<string[]> {
  const { sightings, said } = listening();
  for (const [table, row] of rows) sightings.append(table, row);
  await sightings.close();
  return said.map(({ sentence }) => sentence);
}

const DEADLOCK = {
  at_ms: 5_040,
  source: 'postgres',
  pid: 41,
  application_name: 'wt-api-execution-1',
  severity: 'ERROR',
  sqlstate: '40P01',
  message: 'deadlock detected',
  detail:
    'Process 41 waits for ShareLock on transaction 900; blocked by process 42.\n' +
    '\tProcess 42 waits for ExclusiveLock on tuple (1,2) of relation 16500; blocked by process 41.\n' +
    "\tProcess 41: UPDATE task_instance SET state='success'\n WHERE task_instance.id = 'ti-1'\n" +
    "\tProcess 42: UPDATE task_instance SET dag_version_id='v2' WHERE task_instance.dag_id = 'wt_a' AND " +
    "task_instance.run_id = 'r1'",
};
const SCHEDULER = { at_ms: 10, pid: 42, application_name: 'wt-scheduler-1' };
const OF_BOTH =
  'PostgreSQL detected a deadlock of wt-api-execution-1, which carries out an end report (state PATCH) for ' +
  'wt_a/r1/t1, and wt-scheduler-1, which gives unfinished tasks the new DAG version for wt_a/r1; it cancelled the ' +
  'statement of wt-api-execution-1, and the request state for wt_a/r1/t1 was answered 500.';

test('a deadlock is said with both sides and the request that it failed, which gets no other sentence', async () => {
  expect(await saidOf(['backends', SCHEDULER], ['operations', FAILED], ['server_log', DEADLOCK])).toEqual([OF_BOTH]);
});

test('the other side of a deadlock is known by its commit and the request for the task that it changed', async () => {
  const detail =
    'Process 41 waits for ShareLock on transaction 900; blocked by process 42.\n' +
    'Process 42 waits for ShareLock on transaction 901; blocked by process 41.\n' +
    'Process 41: UPDATE task_instance SET dag_version_id = $1 WHERE dag_id = $2\n' +
    'Process 42: SELECT * FROM task_instance WHERE id = $1 FOR UPDATE';
  const ofScheduler = { ...DEADLOCK, application_name: 'wt-scheduler-1', detail };
  const committed = { ...TAKEN, xid: 900, state: 'success', writer: 'wt-api-execution-2' };
  const report = { ...OK, op: 51, kind: 'state' };
  expect(await saidOf(['server_log', ofScheduler], ['commits', committed], ['operations', report])).toEqual([
    'PostgreSQL detected a deadlock of wt-scheduler-1, which gives unfinished tasks the new DAG version, and ' +
      'wt-api-execution-2, which carries out an end report (state PATCH) for wt_a/r1/t1; it cancelled the ' +
      'statement of wt-scheduler-1.',
  ]);
});

test('a request that is not answered yet is named by the task instance in its statement', async () => {
  expect(await saidOf(['backends', SCHEDULER], ['commits', STARTED], ['server_log', DEADLOCK])).toEqual([
    'PostgreSQL detected a deadlock of wt-api-execution-1, which changes rows of task_instance for wt_a/r1/t1, and ' +
      'wt-scheduler-1, which gives unfinished tasks the new DAG version for wt_a/r1; it cancelled the statement of ' +
      'wt-api-execution-1.',
  ]);
});

test('a deadlock with the harness itself is none of the build, and the next one is the first', async () => {
  const ours = { ...SCHEDULER, application_name: 'wt-bystander' };
  expect(await saidOf(['backends', ours], ['server_log', DEADLOCK])).toEqual([]);
  // On a target, which others use, too.
  const others = { ...SCHEDULER, application_name: 'another client' };
  expect(await saidOf(['backends', others], ['server_log', DEADLOCK])).toEqual([]);
  const next = { ...DEADLOCK, detail: DEADLOCK.detail.replaceAll('42', '43') };
  const other = { ...SCHEDULER, pid: 43 };
  const rows: Rows = [
    ['backends', ours],
    ['server_log', DEADLOCK],
    ['backends', other],
    ['server_log', next],
    ['operations', FAILED],
  ];
  expect(await saidOf(...rows)).toEqual([OF_BOTH]);
});

test('a 5xx is said with what a log says of that time, unless the contract allows it or a fault was open', async () => {
  const log = { at_ms: 5_049, source: 'api-execution-1', severity: 'ERROR', message: 'KeyError: \n  "dag"' };
  const request = 'The state request of w-1 for wt_a/r1/t1 was answered 500 («Internal Server Error»); ';
  expect(await saidOf(['operations', FAILED], ['server_log', log])).toEqual([
    `${request}the log of api-execution-1 says: KeyError: "dag".`,
  ]);
  const died = {
    ...log,
    source: 'api-execution-1',
    severity: 'FATAL',
    message: 'api-execution-1 exited with code 137',
  };
  expect(await saidOf(['server_log', log], ['server_log', died], ['operations', FAILED])).toEqual([
    `${request}api-execution-1 exited with code 137.`,
  ]);
  expect(await saidOf(['operations', FAILED])).toEqual([`${request}the log names no cause.`]);
  expect(await saidOf(['operations', { ...FAILED, status: 503, retry_after: true }])).toEqual([]);
  const fault = { fault: 'kill', window: 1, opened_ms: 4_000, closed_ms: null };
  expect(await saidOf(['faults', fault], ['operations', FAILED])).toEqual([]);
  const healed = { ...fault, opened_ms: -9_000, closed_ms: -1_000 };
  expect(await saidOf(['faults', fault], ['faults', healed], ['operations', FAILED])).toEqual([
    `${request}the log names no cause.`,
  ]);
});

test('a refused heartbeat is said with the commit that took the task, whenever the skip is known', async () => {
  const skip = { ...OK, op: 39, kind: 'skip_downstream', worker: 'w-9', task_id: 'branch', ti_id: 'ti-9' };
  const named = { ...skip, target: 'other t1', sent_ms: 4_500, ended_ms: 5_100 };
  const taken = { ...TAKEN, state: 'skipped', writer: 'wt-api-execution-1' };
  const sentence =
    'Skip-downstream of branch task branch (worker w-9) set task t1 of wt_a/r1 from RUNNING to SKIPPED while worker ' +
    'w-1 ran it; 0.5 s later its heartbeat was refused with 409 not_running (found SKIPPED).';
  const started = ['commits', STARTED] as const;
  const left = ['commits', taken] as const;
  expect(await saidOf(started, left, ['operations', HEARTBEAT], ['operations', named])).toEqual([sentence]);
  expect(await saidOf(['operations', named], started, ['operations', HEARTBEAT], left)).toEqual([sentence]);
});

test('a scheduler that takes a task, deletes it or gives it a new try is named', async () => {
  const by = (change: object) =>
    saidOf(
      ['commits', STARTED],
      ['commits', { ...TAKEN, writer: 'wt-scheduler-2', ...change }],
      ['operations', HEARTBEAT],
    );
  const end = 'while worker w-1 ran it; 0.5 s later its heartbeat was refused with 409 not_running (found SKIPPED).';
  expect(await by({ state: 'up_for_retry' })).toEqual([
    `wt-scheduler-2 set task t1 of wt_a/r1 from RUNNING to UP_FOR_RETRY ${end}`,
  ]);
  expect(await by({ state: 'running', id: 'ti-2', old_id: 'ti-1' })).toEqual([
    `wt-scheduler-2 gave task t1 of wt_a/r1, which was RUNNING, a new try ${end}`,
  ]);
  expect(await by({ state: null, change: 'delete' })).toEqual([
    `wt-scheduler-2 deleted task t1 of wt_a/r1 from RUNNING ${end}`,
  ]);
});

test('what an operator or the worker itself had done is not said, nor what the record does not show', async () => {
  const by = (writer: string, state: string, ...more: Rows) =>
    saidOf(['commits', STARTED], ...more, ['commits', { ...TAKEN, writer, state }], ['operations', HEARTBEAT]);
  expect(await by('wt-api-core-1', 'failed')).toEqual([]);
  expect(await by('wt-api-execution-1', 'success')).toEqual([]);
  expect(await by('wt-api-execution-1', 'skipped', ['operations', { ...OK, op: 30, kind: 'state' }])).toEqual([]);
  expect(await saidOf(['operations', HEARTBEAT])).toEqual([]);
  expect(await saidOf(['commits', STARTED], ['operations', HEARTBEAT])).toEqual([]);
  const later = { ...STARTED, id: 'ti-8', committed_ms: 9_000 };
  expect(await saidOf(['commits', STARTED], ['operations', HEARTBEAT], ['commits', later])).toEqual([
    'The heartbeat of worker w-1 for wt_a/r1/t1 was refused with 409 not_running (found SKIPPED), though the record ' +
      'shows the task RUNNING during the whole request.',
  ]);
});

test('refused rendered fields are said with the write that was under way', async () => {
  const first = { ...OK, op: 60, kind: 'rtif', sent_ms: 4_990 };
  const second = { ...REFUSED, op: 61, kind: 'rtif', reason: 'Unique constraint violation' };
  const said = (why: string) =>
    'The rendered fields that worker w-1 wrote for wt_a/r1/t1 were refused with 409 (Unique constraint violation)' +
    `${why}; the real client fails the task for that.`;
  expect(await saidOf(['operations', second], ['operations', first])).toEqual([
    said(', because another write of the same fields was under way'),
  ]);
  expect(await saidOf(['operations', second], ['operations', { ...first, ti_id: 'ti-2' }])).toEqual([said('')]);
});

const BACKFILL = { relation: 'backfill', id: '1', dag_id: 'wt_b', backfill_id: null, state: null };
const CREATED = { ...BACKFILL, seq: 1, change: 'insert', committed_ms: 1_000, row: {}, writer: 'wt-api-core-1' };
const COMPLETED = {
  ...BACKFILL,
  seq: 2,
  change: 'update',
  committed_ms: 4_000,
  row: { completed_at: 'now' },
  writer: 'wt-scheduler-1',
};
const RUN = { relation: 'dag_run', id: '7', backfill_id: 1, seq: 3, committed_ms: 4_500, state: 'queued', row: {} };
const INSERTED = { ...RUN, change: 'insert' };

test('a backfill that is completed before its runs are there, or have ended, is said by the commits', async () => {
  const early = 'Backfill 1 of wt_b was marked completed by wt-scheduler-1 3.0 s after it was created, ';
  expect(await saidOf(['commits', CREATED], ['commits', COMPLETED], ['commits', INSERTED])).toEqual([
    `${early}before any of its runs existed: the first was created 0.5 s later.`,
  ]);
  const post = { ...OK, op: 9, kind: 'backfill', target: '1', ended_ms: 6_000 };
  expect(await saidOf(['commits', CREATED], ['commits', COMPLETED], ['operations', post])).toEqual([
    `${early}before any of its runs existed: the request that creates it was answered 2.0 s later.`,
  ]);
  expect(await saidOf(['commits', CREATED], ['commits', COMPLETED])).toEqual([
    `${early}before any of its runs existed: the request that creates it was still under way.`,
  ]);
  expect(await saidOf(['commits', CREATED], ['commits', INSERTED], ['commits', COMPLETED])).toEqual([
    `${early}while 1 of its 1 runs had not ended.`,
  ]);
});

test('a backfill that had ended, created no runs or was cancelled is completed in order', async () => {
  const ended = { ...RUN, change: 'update', state: 'success' };
  expect(await saidOf(['commits', CREATED], ['commits', INSERTED], ['commits', ended], ['commits', COMPLETED])).toEqual(
    [],
  );
  const post = { ...OK, op: 9, kind: 'backfill', target: '1', ended_ms: 3_900 };
  expect(await saidOf(['commits', CREATED], ['operations', post], ['commits', COMPLETED])).toEqual([]);
  const cancelled = { ...COMPLETED, writer: 'wt-api-core-1' };
  expect(await saidOf(['commits', CREATED], ['commits', INSERTED], ['commits', cancelled])).toEqual([]);
});

test('each kind is said once, by itself as soon as its cause is there, and recorded with its evidence', async () => {
  const { sightings, said, recorded } = listening();
  const write = { ...REFUSED, op: 61, kind: 'rtif', reason: null };
  sightings.append('operations', { ...OK, op: 60, kind: 'rtif' });
  sightings.append('operations', write);
  sightings.append('operations', { ...write, op: 62 });
  while (said.length === 0) await sleep(20);
  sightings.append('operations', { ...write, op: 63 });
  await sightings.close();
  expect(said).toEqual([
    {
      kind: 'refused fields',
      at_ms: 5_050,
      said_ms: expect.any(Number),
      name: 'the refused rendered fields of wt_a/r1/t1',
      sentence: expect.stringMatching(/^The rendered fields that worker w-1 wrote/),
      op: 61,
      seq: null,
    },
  ]);
  expect(recorded.map(([table]) => table)).toEqual([
    ...['operations', 'operations', 'operations'],
    'sightings',
    'operations',
  ]);
  expect(recorded[3]?.[1]).toEqual(said[0]);
});

test('a sentence that cannot be made is left out, and the next of its kind and all others are said', async () => {
  let asked = 0;
  const { sightings, said, recorded } = listening((sides) =>
    ++asked === 1 ? Promise.reject(new Error('Out of Memory Error')) : actionWords(sides),
  );
  sightings.append('backends', SCHEDULER);
  sightings.append('operations', FAILED);
  sightings.append('server_log', DEADLOCK);
  sightings.append('server_log', DEADLOCK);
  await sightings.close();
  expect(said.map(({ sentence }) => sentence)).toEqual([OF_BOTH]);
  expect(recorded.map(([table]) => table)).toEqual([
    ...['backends', 'operations', 'server_log', 'server_log'],
    ...['server_log', 'sightings'],
  ]);
  expect(recorded[4]?.[1]).toMatchObject({
    source: 'harness',
    severity: 'WARNING',
    message: 'No sentence about a deadlock was said during the load: Out of Memory Error',
  });
});
