import { describe, expect, test } from 'vitest';
import { readDeadlocks } from '../judge/dossiers.ts';
import { judgeLiteral, many, withLiteralRun } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (run: LiteralRun) => judgeLiteral('no-deadlocks', run);

const PATCH = `SELECT task_instance.rendered_map_index, task_instance.id, dag_run_1.state
FROM task_instance JOIN dag_run AS dag_run_1 ON dag_run_1.dag_id = task_instance.dag_id
WHERE task_instance.id = 'ti-1'::UUID FOR UPDATE`;
const UPDATE =
  "UPDATE task_instance SET dag_version_id='019aa3c4-0c75-7b1c-a3f1-6f0e3a1f6c11', updated_at='2026-11-21' WHERE " +
  "task_instance.dag_id = 'wt_storm_1' AND task_instance.run_id = 'manual__1' AND task_instance.state IN ('running', " +
  "'queued')";

/** What PostgreSQL 18 writes as jsonlog, in the columns of server_log. */
function deadlock(at_ms: number, update = UPDATE) {
  return {
    at_ms,
    source: 'postgres',
    pid: 4711,
    application_name: 'wt-api-execution-1',
    xid: 1204,
    severity: 'ERROR',
    sqlstate: '40P01',
    message: 'deadlock detected',
    detail:
      'Process 4711 waits for ShareLock on transaction 1203; blocked by process 4712.\n' +
      'Process 4712 waits for ShareLock on transaction 1204; blocked by process 4711.\n' +
      `Process 4711: ${PATCH}\nProcess 4712: ${update}`,
    statement: PATCH,
    context: 'while locking tuple (3,14) in relation "dag_run"',
  };
}

const UNLOCKED = { 'run examined without its lock': 1 };

/** The variants of a deadlock between these two, each a process and its statement. */
async function variantsOf(victim: readonly [string, string], other: readonly [string, string]) {
  const waits = (a: number, b: number) =>
    `Process ${a} waits for ShareLock on transaction ${b}; blocked by process ${b}.`;
  const detail = `${waits(1, 2)}\n${waits(2, 1)}\nProcess 1: ${victim[1]}\nProcess 2: ${other[1]}`;
  const result = await judge({
    operations: [{}],
    commits: [{}],
    server_log: [{ ...deadlock(10_000), pid: 1, application_name: victim[0], detail, statement: victim[1] }],
    backends: [
      { at_ms: 0, pid: 1, application_name: victim[0] },
      { at_ms: 0, pid: 2, application_name: other[0] },
    ],
  });
  return result.variants;
}

const BACKENDS = [
  { at_ms: 0, pid: 4712, application_name: 'wt-scheduler-1' },
  { at_ms: 9_000, pid: 4712, application_name: 'wt-scheduler-2' },
  // The pid is given to another process after the deadlock.
  { at_ms: 10_200, pid: 4712, application_name: 'wt-api-core-1' },
];
const FAILED = { op: 9, kind: 'state', sent_ms: 9_000, ended_ms: 10_050, outcome: 'unknown', status: 500 } as const;

test('a deadlock is a violation that names both processes, what each did and the request that failed', async () => {
  const result = await judge({
    operations: [FAILED],
    commits: [{}],
    server_log: [deadlock(10_000)],
    backends: BACKENDS,
  });
  expect(result.verdict).toBe('fail');
  expect(result.variants).toEqual({ 'state PATCH × dag_version UPDATE': 1 });
  expect(result.first).toMatchObject({
    at_ms: 10_000,
    operations: [9],
    subject: 'wt-api-execution-1 and wt-scheduler-2',
  });
  expect(result.first?.sentence).toBe(
    'PostgreSQL detected a deadlock of wt-api-execution-1, which carries out an end report (state PATCH) for ' +
      'wt_dag/run1/task, and wt-scheduler-2, which gives unfinished tasks the new DAG version for ' +
      'wt_storm_1/manual__1; it cancelled the statement of wt-api-execution-1, and the request state for ' +
      'wt_dag/run1/task was answered 500.',
  );
});

test('a scheduler that waits to note that it has examined a run does not hold the run’s lock', async () => {
  const notes =
    "UPDATE dag_run SET last_scheduling_decision='2026-11-22', updated_at='2026-11-22' WHERE dag_run.id = 2";
  const schedules =
    "UPDATE task_instance SET state='scheduled', try_number=(task_instance.try_number + 1) WHERE task_instance.id IN " +
    "('ti-1')";
  const clears = "UPDATE task_instance SET id='ti-2', state=NULL, max_tries=4 WHERE task_instance.id = 'ti-1'";
  expect(await variantsOf(['wt-scheduler-1', schedules], ['wt-scheduler-2', notes])).toEqual(UNLOCKED);
  expect(await variantsOf(['wt-api-core-1', clears], ['wt-scheduler-2', notes])).toEqual(UNLOCKED);
  const unlocked = schedules.replace('try_number=', "scheduled_dttm='2026-11-22', try_number=");
  expect(await variantsOf(['wt-scheduler-1', unlocked], ['wt-scheduler-2', UPDATE])).toEqual(UNLOCKED);
  expect(await variantsOf(['wt-scheduler-1', unlocked], ['wt-scheduler-2', unlocked])).toEqual(UNLOCKED);
  const other = 'UPDATE slot_pool SET slots=1';
  expect(await variantsOf(['wt-scheduler-1', other], ['wt-scheduler-2', UPDATE])).toEqual({
    'scheduler × scheduler': 1,
  });
});

test('marks that meet the update of dag_version_id are a variant of their own', async () => {
  const marks =
    "SELECT task_instance.id FROM task_instance WHERE task_instance.task_id IN ('leaf_23') AND state != 'failed' FOR " +
    'UPDATE';
  const variant = 'marks × dag_version UPDATE';
  expect(await variantsOf(['wt-api-core-1', marks], ['wt-scheduler-2', UPDATE])).toEqual({ [variant]: 1 });
  const clears = "UPDATE task_instance SET id='ti-2', state=NULL WHERE task_instance.id = 'ti-1'";
  expect(await variantsOf(['wt-api-core-1', clears], ['wt-scheduler-2', UPDATE])).toEqual({
    'api-core × scheduler': 1,
  });
});

test('ends of runs that write their DAGs’ rows in another order are a variant of their own', async () => {
  const of = (dag: number) => `UPDATE dag SET exceeds_max_non_backfill=false WHERE dag.dag_id = 'wt_${dag}'`;
  const reads = 'SELECT dag.dag_id, dag.is_paused FROM dag FOR UPDATE OF dag';
  const rows = { 'rows of dag': 1 };
  expect(await variantsOf(['wt-scheduler-1', of(1)], ['wt-scheduler-2', of(2)])).toEqual(rows);
  expect(await variantsOf(['wt-dag-processor', reads], ['wt-scheduler-2', of(2)])).toEqual(rows);
  expect(await variantsOf(['wt-dag-processor', reads], ['wt-scheduler-2', UPDATE])).toEqual({
    'dag-processor × scheduler': 1,
  });
});

test('clears that meet the end of a try, or the delete of their run, are variants of their own', async () => {
  const keeps = 'INSERT INTO task_instance_history (task_instance_id, task_id) VALUES (…)';
  expect(await variantsOf(['wt-api-core-1', keeps], ['wt-api-execution-1', keeps])).toEqual({
    'one try archived twice': 1,
  });
  expect(await variantsOf(['wt-scheduler-2', keeps], ['wt-api-execution-1', keeps])).toEqual({
    'silent try archived twice': 1,
  });
  const deletes = 'DELETE FROM dag_run WHERE dag_run.id = 2';
  expect(await variantsOf(['wt-api-core-1', deletes], ['wt-api-core-1', keeps])).toEqual({ 'delete × clear': 1 });
  expect(await variantsOf(['wt-api-core-1', deletes], ['wt-scheduler-1', keeps])).toEqual({
    'api-core × scheduler': 1,
  });
});

test('events of one asset that queue its DAGs in different orders are a variant of their own', async () => {
  const queues = "INSERT INTO asset_dag_run_queue (asset_id, target_dag_id, created_at) VALUES (1, 'wt_a', '2026')";
  const expected = { 'DAGs of one asset': 1 };
  expect(await variantsOf(['wt-api-execution-1', queues], ['wt-api-execution-1', queues])).toEqual(expected);
  expect(await variantsOf(['wt-api-core-1', queues], ['wt-api-execution-1', queues])).toEqual(expected);
});

test('deadlocks that PostgreSQL counted and the log does not name are a violation', async () => {
  const result = await judge({
    operations: [{}],
    commits: [{}],
    server_log: [deadlock(10_000)],
    samples: [deadlocks(1_000, 0), deadlocks(60_000, 3)],
  });
  expect(result.variants).toMatchObject({ 'not in the log': 1 });
  expect(result.last?.sentence).toBe('PostgreSQL counted 2 deadlocks more than the 1 that its log names.');
});

test('a deadlock that involves the recorder is no violation', async () => {
  const result = await judge({
    operations: [{}],
    commits: [{}],
    server_log: [{ ...deadlock(10_000), application_name: 'wt-harness' }],
    backends: BACKENDS,
  });
  expect(result.violations).toBe(0);
});

test('it passes when many tasks ended under new DAG versions and none deadlocked', async () => {
  expect(await judge(endsUnderNewVersions(20))).toMatchObject({ verdict: 'pass', exercised: 20 });
});

test('it is unknown when hardly any task ended under a new DAG version', async () => {
  expect(await judge(endsUnderNewVersions(19))).toMatchObject({ verdict: 'unknown', exercised: 19 });
});

test('it is unknown without the log', async () => {
  const { server_log: _, ...run } = endsUnderNewVersions(20);
  expect(await judge(run)).toMatchObject({ verdict: 'unknown', why_unknown: 'the table server_log was not recorded' });
});

test('deadlocks of one kind share a fingerprint, whatever their literals', async () => {
  const other = UPDATE.replace('wt_storm_1', "it''s another").replace("'running', 'queued'", "'running'");
  const [one, two] = await withLiteralRun(
    { server_log: [deadlock(1_000), deadlock(2_000, other)], backends: BACKENDS },
    readDeadlocks,
  );
  expect(one?.fingerprint).toBe(two?.fingerprint);
  expect(one?.fingerprint).toMatch(
    /^api-execution: SELECT FROM task_instance FOR UPDATE × scheduler: UPDATE task_instance SET dag_version_id$/,
  );
  expect(one?.sides.map(({ pid, process }) => [pid, process])).toEqual([
    [4711, 'wt-api-execution-1'],
    [4712, 'wt-scheduler-1'],
  ]);
  expect(one?.sides[0]?.statement).toBe(PATCH);
});

test('a process is known by its commits where the probe never saw it', async () => {
  const [found] = await withLiteralRun(
    { server_log: [deadlock(1_000)], commits: [{ writer_pid: 4712, writer: 'wt-scheduler-3', committed_ms: 900 }] },
    readDeadlocks,
  );
  expect(found?.sides[1]?.process).toBe('wt-scheduler-3');
});

test('a process that the probe missed is identified by its PostgreSQL log or its wait for a lock', async () => {
  const later = { ...deadlock(11_000), pid: 4712, application_name: 'wt-scheduler-1' };
  const wait = {
    at_ms: 9_990,
    pid: 4712,
    application_name: 'wt-scheduler-1',
    lock: 'transactionid',
    blocked_by: '4711',
  };
  for (const seen of [
    { server_log: [deadlock(10_000), later] },
    { server_log: [deadlock(10_000)], lock_waits: [wait] },
  ]) {
    const { first } = await judge({ operations: [FAILED], commits: [{}], ...seen });
    expect(first).toMatchObject({ at_ms: 10_000, subject: 'wt-api-execution-1 and wt-scheduler-1' });
  }
});

test('a deadlock without details in the log still names its victim', async () => {
  const [found] = await withLiteralRun({ server_log: [{ ...deadlock(1_000), detail: null }] }, readDeadlocks);
  expect(found?.sides).toMatchObject([{ pid: 4711, process: 'wt-api-execution-1', statement: PATCH }]);
});

function deadlocks(at_ms: number, value: number) {
  return { at_ms, source: 'postgres', metric: 'deadlocks', value };
}

function endsUnderNewVersions(n: number): LiteralRun {
  const version = { relation: 'dag_version', change: 'insert', dag_id: 'wt_dag' };
  return {
    operations: many(n + 1, (i) => ({ kind: 'state', requested: 'success', sent_ms: i === 0 ? 20_000 : 3_000 + i })),
    commits: [
      { ...version, committed_ms: 0, row: { version_number: 1 } },
      { ...version, committed_ms: 2_500, row: { version_number: 2 } },
    ],
    server_log: [{ at_ms: 1, source: 'postgres', severity: 'LOG', message: 'ready' }],
  };
}

test('a deadlock with a bystander is no violation, and one beside a bystander is', async () => {
  const judged = (other: string) =>
    judge({
      operations: [{}],
      commits: [{}],
      server_log: [deadlock(10_000)],
      backends: [
        { at_ms: 0, pid: 4712, application_name: other },
        { at_ms: 0, pid: 99, application_name: 'wt-bystander' },
      ],
      faults: [{ window: 1, fault: 'bystander-lock', victim: 'postgres', opened_ms: 9_000, closed_ms: 12_000 }],
    });
  expect((await judged('wt-bystander')).violations).toBe(0);
  expect((await judged('wt-scheduler-1')).violations).toBe(1);
});

describe('on a target, which others use, too', () => {
  const OURS = `UPDATE task_instance SET state='queued' WHERE dag_id = 'wt_literal_wt_dag' AND run_id = 'manual__1'`;
  const THEIRS = `UPDATE task_instance SET state='?' WHERE dag_id = '?'`;
  const [api, scheduler, other] = ['wt-api-execution-1', 'wt-scheduler-1', 'another client'];
  const target = { id: 'literal', used_by_others: true };

  function judgeBetween(
    [victim, of]: readonly [string, string],
    [process, statement]: readonly [string, string],
    writer: string,
  ) {
    const quiet = endsUnderNewVersions(20);
    const waits = (a: number, b: number) =>
      `Process ${a} waits for ShareLock on transaction ${b}; blocked by process ${b}.`;
    const detail = `${waits(1, 2)}\n${waits(2, 1)}\nProcess 1: ${of}\nProcess 2: ${statement}`;
    return judge({
      ...quiet,
      commits: [...(quiet.commits ?? []), { writer }],
      server_log: [{ ...deadlock(10_000), pid: 1, application_name: victim, detail, statement: of }],
      backends: process === '' ? [] : [{ at_ms: 0, pid: 2, application_name: process }],
      manifest: target,
    });
  }

  test.each([
    ['two processes of the stack', [api, THEIRS], [scheduler, THEIRS], api, 'fail'],
    ['processes without a name, about rows of the run', ['', OURS], [scheduler, OURS], '', 'fail'],
    ['two other clients', [other, THEIRS], [other, THEIRS], api, 'pass'],
    ['two other clients, one of them without a name', ['', THEIRS], ['', THEIRS], api, 'pass'],
    ['a scheduler and another client, about rows of others', [other, THEIRS], [scheduler, THEIRS], api, 'pass'],
    ['a scheduler and another client, about rows of the run', [other, THEIRS], [scheduler, OURS], api, 'unknown'],
    ['two clients, and the stack has no names', [other, THEIRS], [other, THEIRS], other, 'unknown'],
    ['clients that were not seen', [scheduler, THEIRS], ['', THEIRS], api, 'unknown'],
  ] as const)('a deadlock of %s', async (_, victim, side, writer, verdict) => {
    const result = await judgeBetween(victim, side, writer);
    expect(result).toMatchObject({ verdict, violations: verdict === 'fail' ? 1 : 0 });
    if (verdict === 'unknown')
      expect(result.why_unknown).toMatch(
        /^of 1 of the deadlocks .* not known whether they are of this stack or of other/,
      );
  });

  test('a request that was answered 500 at that moment is no proof that the deadlock was its own', async () => {
    const quiet = endsUnderNewVersions(20);
    const detail = `Process 4711 waits for ShareLock on transaction 2; blocked by process 2.\nProcess 4711: ${THEIRS}`;
    const result = await judge({
      ...quiet,
      operations: [...(quiet.operations ?? []), FAILED],
      server_log: [{ ...deadlock(10_000), application_name: other, detail, statement: THEIRS }],
      commits: [...(quiet.commits ?? []), { writer: api }],
      manifest: target,
    });
    expect(result).toMatchObject({ verdict: 'pass', violations: 0 });
  });

  test('what PostgreSQL counted beyond its log may be of others', async () => {
    const quiet = endsUnderNewVersions(20);
    const result = await judge({ ...quiet, samples: [deadlocks(1_000, 0), deadlocks(60_000, 2)], manifest: target });
    expect(result).toMatchObject({ verdict: 'unknown', violations: 0 });
    expect(result.why_unknown).toBe(
      'PostgreSQL counted 2 deadlocks more than its log names, and other clients use its database, too',
    );
  });
});
