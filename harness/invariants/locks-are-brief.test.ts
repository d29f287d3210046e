import { expect, test } from 'vitest';

import { judgeLiteral, many } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (run: LiteralRun) => judgeLiteral('locks-are-brief', run);

const LOG = { source: 'postgres', severity: 'LOG', pid: 41, application_name: 'wt-api-execution-1' } as const;
const STATEMENT = 'SELECT … FROM task_instance WHERE id = 1 FOR UPDATE';
const WAITING = {
  ...LOG,
  at_ms: 5_300,
  message: 'process 41 still waiting for ShareLock on transaction 900 after 300.123 ms',
  detail: 'Process holding the lock: 42. Wait queue: 41.',
  statement: STATEMENT,
};
const ACQUIRED = {
  ...LOG,
  at_ms: 11_234,
  message: 'process 41 acquired ShareLock on transaction 900 after 6234.5 ms',
  statement: STATEMENT,
};
const backends = [{ at_ms: 100, pid: 42, application_name: 'wt-scheduler-1' }];
const operations = [{ kind: 'heartbeat' }] as const;

test('a wait as long as a request may take is a violation that names both', async () => {
  const result = await judge({ operations, backends, server_log: [WAITING, ACQUIRED] });
  expect(result).toMatchObject({ verdict: 'fail', violations: 1, variants: { 'api-execution behind scheduler': 1 } });
  expect(result.first).toMatchObject({ at_ms: 11_234, subject: 'wt-api-execution-1', severity: 6_234.5 });
  expect(result.first?.sentence).toBe(
    'wt-api-execution-1 waited 6.2 s for a row that wt-scheduler-1 held («SELECT … FROM task_instance WHERE id = 1 ' +
      'FOR UPDATE»); a worker gives up after 5.0 s.',
  );
});

test('the time in which the machine had no processor for the holder is not its own', async () => {
  const starved = (source: string, perSecond: number) =>
    Array.from({ length: 12 }, (_, second) => ({
      at_ms: second * 1_000 + 400,
      source,
      metric: 'cpu_wait_ms' as const,
      value: perSecond,
    }));
  const run = { operations, backends, server_log: [WAITING, ACQUIRED] };
  expect((await judge({ ...run, samples: starved('scheduler-1', 300) })).violations).toBe(0);
  expect((await judge({ ...run, samples: starved('postgres', 300) })).violations).toBe(0);
  // The wait is 6.2 s, and a worker gives up after 5.
  const { first } = await judge({ ...run, samples: starved('scheduler-1', 150) });
  expect(first).toMatchObject({ severity: 6_234.5 });
  expect(first?.sentence).toContain('for 1.1 s of it a process had no processor; a worker gives up after 5.0 s.');
  // Others that waited did not hold the row.
  expect((await judge({ ...run, samples: starved('scheduler-2', 900) })).violations).toBe(1);
});

test('a wait that never ended counts until the load did, and one that was cancelled until then', async () => {
  expect((await judge({ operations, backends, server_log: [WAITING] })).first?.severity).toBeCloseTo(55_000, -1);
  const cancelled = { ...LOG, at_ms: 12_000, severity: 'ERROR', message: 'canceling statement due to user request' };
  expect((await judge({ operations, backends, server_log: [WAITING, cancelled] })).first?.severity).toBeCloseTo(
    7_000,
    -1,
  );
  const soon = { ...cancelled, at_ms: 6_000 };
  expect((await judge({ operations, backends, server_log: [WAITING, soon] })).violations).toBe(0);
});

test('the sentence names the row and the statement of the holder if the sampler saw them', async () => {
  const row = { relation: 'task_instance', dag_id: 'wt_dag', run_id: 'run1', task_id: 'task', map_index: -1 };
  const lock_waits = [
    { at_ms: ACQUIRED.at_ms - 6_100, pid: 41, waiting_since_ms: ACQUIRED.at_ms - 6_234, blocked_by: '42', ...row },
    {
      at_ms: ACQUIRED.at_ms - 6_100,
      pid: 42,
      blocked_by: '',
      statement: 'UPDATE task_instance SET dag_version_id = 1',
    },
    // Another wait of the same process.
    { at_ms: ACQUIRED.at_ms + 9_000, pid: 41, waiting_since_ms: ACQUIRED.at_ms + 8_900, ...row, task_id: 'other' },
  ];
  const result = await judge({ operations, backends, server_log: [WAITING, ACQUIRED], lock_waits });
  expect(result.first?.sentence).toContain('for the row task_instance wt_dag/run1/task that wt-scheduler-1 held');
  expect(result.first?.sentence).toContain(
    'the last that the holder had sent was «UPDATE task_instance SET dag_version',
  );
});

test('of the waits that one commit ends the longest comes first, in whatever order the log has them', async () => {
  const waited = (pid: number, ms: number) => ({
    ...ACQUIRED,
    pid,
    message: `process ${pid} acquired ShareLock on transaction 900 after ${ms} ms`,
  });
  const [short, long] = [waited(41, 6_234.5), waited(43, 7_100.5)];
  for (const server_log of [
    [short, long],
    [long, short],
  ]) {
    const { first, last } = await judge({ operations, server_log });
    expect([first?.severity, last?.severity]).toEqual([7_100.5, 7_100.5]);
  }
});

test('who held it need not be known', async () => {
  const result = await judge({ operations, server_log: [ACQUIRED] });
  expect(result.variants).toEqual({ 'api-execution behind unknown process': 1 });
});

test('advisory and table locks, waits of the recorder and waits for it are no violations', async () => {
  const advisory = {
    ...ACQUIRED,
    message: 'process 41 acquired ExclusiveLock on advisory lock [5,0,2,1] after 9000.1 ms',
  };
  const table = {
    ...ACQUIRED,
    message: 'process 41 acquired AccessShareLock on relation 16500 of database 5 after 9000.1 ms',
  };
  const own = { ...ACQUIRED, application_name: 'wt-harness-commits' };
  expect((await judge({ operations, backends, server_log: [advisory, table, own] })).violations).toBe(0);
  const harness = [{ at_ms: 100, pid: 42, application_name: 'wt-harness' }];
  expect((await judge({ operations, backends: harness, server_log: [WAITING, ACQUIRED] })).violations).toBe(0);
});

test('it passes where no wait was long, and is unknown without a log', async () => {
  const many100 = many(100, () => ({ kind: 'state' as const }));
  const brief = { ...ACQUIRED, message: 'process 41 acquired ShareLock on transaction 900 after 612.5 ms' };
  const waited = { operations: many100, server_log: [{ ...WAITING, at_ms: 10_900 }, brief] };
  expect(await judge(waited)).toMatchObject({ verdict: 'pass', exercised: 100 });
  expect(await judge({ operations: many100 })).toMatchObject({ verdict: 'unknown' });
});

test('what is suspended by a fault may hold its locks', async () => {
  const faults = [{ fault: 'pause', victim: 'scheduler-1', opened_ms: 5_000, closed_ms: 11_000 }];
  expect((await judge({ operations, backends, server_log: [WAITING, ACQUIRED], faults })).violations).toBe(0);
});

test('a long wait while the whole machine stalled is no violation', async () => {
  const standstill = { at_ms: 9_000, source: 'harness', metric: 'loop_delay_ms', value: 3_000 };
  const result = await judge({ operations, backends, server_log: [WAITING, ACQUIRED], samples: [standstill] });
  expect(result.violations).toBe(0);
  const before = await judge({
    operations,
    backends,
    server_log: [WAITING, ACQUIRED],
    samples: [{ ...standstill, at_ms: 3_000 }],
  });
  expect(before.violations).toBe(1);
});

test('a wait behind a bystander is no violation, whenever it was', async () => {
  const bystander = [{ at_ms: 100, pid: 42, application_name: 'wt-bystander' }];
  expect((await judge({ operations, backends: bystander, server_log: [WAITING, ACQUIRED] })).violations).toBe(0);
});
