import { expect, test } from 'vitest';

import { judgeAll } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const SEEN = { at_ms: 5_050, said_ms: 5_300, name: 'the refused heartbeat of w-1', sentence: 'It was refused.' };
const HEARTBEAT = { ...SEEN, kind: 'refused heartbeat', op: 50 };
const REFUSED = { op: 50, outcome: 'refused', status: 409, sent_ms: 5_000, ended_ms: 5_050 } as const;
const NOT_RUNNING = { ...REFUSED, reason: 'not_running', found_state: 'failed' } as const;
const EXECUTION = { writer: 'wt-api-execution-1', statement: 'UPDATE task_instance SET end_date=now(), state=…' };
const STARTED = [
  { seq: 1, change: 'insert', state: null, committed_ms: 100, writer: 'wt-api-core-1' },
  { seq: 2, state: 'queued', committed_ms: 800, writer: 'wt-scheduler-1' },
  { seq: 3, state: 'running', committed_ms: 1_003, row: { hostname: 'w-1' }, ...EXECUTION },
] as const;
const START = { kind: 'run', requested: 'running', sent_ms: 1_000, ended_ms: 1_010 } as const;
const taken = (change: object) => [...STARTED, { seq: 4, committed_ms: 3_000, row: { hostname: 'w-1' }, ...change }];

async function takenBack(run: LiteralRun): Promise<(string | null)[]> {
  const { sightings = [] } = await judgeAll(run);
  return sightings.map(({ taken_back }) => taken_back);
}

test('a sentence stands if its request or commit is evidence of a violation', async () => {
  const skip = { kind: 'skip_downstream', life: 2, ti_id: 'ti-9', target: 'task', sent_ms: 2_990 } as const;
  const skipped = {
    operations: [START, skip, { ...NOT_RUNNING, found_state: 'skipped' }],
    commits: taken({ state: 'skipped', ...EXECUTION }),
  };
  expect(await takenBack({ ...skipped, sightings: [HEARTBEAT] })).toEqual([null]);
  expect(await takenBack({ ...skipped, sightings: [{ ...HEARTBEAT, op: null, seq: 4 }] })).toEqual([null]);
  // Another commit, and no request: nothing confirms it.
  expect(await takenBack({ ...skipped, sightings: [{ ...HEARTBEAT, op: null, seq: 3 }] })).toEqual([
    'the verdict finds no violation in it',
  ]);
});

test('a refused heartbeat after the heartbeat time-out is taken back', async () => {
  const commits = taken({ state: 'failed', writer: 'wt-scheduler-1', committed_ms: 24_000 });
  const late = { ...NOT_RUNNING, sent_ms: 25_000, ended_ms: 25_050 } as const;
  expect(await takenBack({ operations: [START, late], commits, sightings: [HEARTBEAT] })).toEqual([
    'it was a late update (RUNNING → FAILED 1.1 s before, by wt-scheduler-1)',
  ]);
});

test('a refusal without a cause stands, and a 5xx of a fault does not', async () => {
  const operations = [START, { ...NOT_RUNNING, found_state: 'running' }];
  const later = { seq: 4, committed_ms: 9_000, relation: 'dag_run', change: 'insert', id: '1', dag_id: 'wt_dag' };
  expect(await takenBack({ operations, commits: [...STARTED, later], sightings: [HEARTBEAT] })).toEqual([null]);
  const failed = { ...REFUSED, kind: 'state', outcome: 'unknown', status: 500 } as const;
  const faults = [
    { fault: 'kill', victim: 'postgres', opened_ms: 4_900, closed_ms: 6_000, window: 1, cuts_connections: true },
  ];
  const error = { ...HEARTBEAT, kind: '5xx', name: 'the answer 500' };
  expect(await takenBack({ operations: [START, failed], sightings: [error] })).toEqual([null]);
  expect(await takenBack({ operations: [START, failed], faults, sightings: [error] })).toEqual([
    'it was the effect of a fault (the fault kill was open on postgres)',
  ]);
});

test('a deadlock stands if the verdict counts one at its moment', async () => {
  const row = { source: 'postgres', pid: 41, severity: 'ERROR', sqlstate: '40P01', at_ms: 5_040 };
  const detail = "Process 41: UPDATE dag SET x='1'\n\tProcess 42: UPDATE dag SET x='2'";
  const deadlock = { ...SEEN, kind: 'deadlock', at_ms: 5_040, name: 'the deadlock', op: null, seq: null };
  const run = { operations: [START], commits: [...STARTED], sightings: [deadlock] };
  expect(await takenBack({ ...run, server_log: [{ ...row, detail }] })).toEqual([null]);
  expect(await takenBack({ ...run, server_log: [{ ...row, detail, at_ms: 9_000 }] })).toEqual([
    'the verdict finds no violation in it',
  ]);
});

test('a run in which nothing was said has no sightings', async () => {
  expect(await judgeAll({ operations: [START], commits: [...STARTED] })).not.toHaveProperty('sightings');
});
