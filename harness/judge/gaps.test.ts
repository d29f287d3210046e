import { expect, test } from 'vitest';

import { judgeLiteral } from '../testing/judge-literal.ts';
import { gap } from '../testing/literal-run.ts';

const LOST = [gap('server_log', 'the log of postgres could not be read any more: EIO')];
/** A statement that still waits for a row when its log ends. */
const WAIT = {
  at_ms: 10_000,
  source: 'postgres',
  pid: 41,
  severity: 'LOG',
  message: 'process 41 still waiting for ShareLock on transaction 900 after 300.1 ms',
  detail: 'Process holding the lock: 42. Wait queue: 41.',
};
const STARTS = Array.from({ length: 100 }, () => ({ kind: 'run' }) as const);

/** What an invariant needs that reads neither a log nor results. */
const IMPOSTORS = {
  commits: [{}],
  operations: [
    { op: 1, kind: 'run', sent_ms: 1_000 } as const,
    ...Array.from(
      { length: 20 },
      (_, i) =>
        ({ op: i + 2, kind: 'impostor_heartbeat', outcome: 'refused', status: 409, sent_ms: 4_000 + i }) as const,
    ),
  ],
};

test('what looks like a violation because the record has a gap is in doubt', async () => {
  const whole = await judgeLiteral('locks-are-brief', { operations: STARTS, server_log: [WAIT] });
  expect(whole).toMatchObject({ verdict: 'fail', violations: 1 });
  const lost = await judgeLiteral('locks-are-brief', { operations: STARTS, server_log: [WAIT, ...LOST] });
  expect(lost).toMatchObject({ verdict: 'unknown', violations: 0, first: null, variants: {} });
  expect(lost.why_unknown).toBe(
    '1 violation is in doubt, because the record has a gap: the log of postgres could not be read any more: EIO.',
  );
});

test('what nothing speaks against in a record with a gap is unknown', async () => {
  const log = [{ ...WAIT, pid: 7, message: 'checkpoint' }];
  expect(await judgeLiteral('locks-are-brief', { operations: STARTS, server_log: log })).toMatchObject({
    verdict: 'pass',
  });
  const result = await judgeLiteral('locks-are-brief', { operations: STARTS, server_log: [...log, ...LOST] });
  expect(result).toMatchObject({
    verdict: 'unknown',
    why_unknown: 'the record has a gap: the log of postgres could not be read any more: EIO.',
  });
});

test('an invariant that reads nothing of that table is judged as ever, and so is one that needs no more', async () => {
  expect(await judgeLiteral('impostors-are-refused', { ...IMPOSTORS, server_log: LOST })).toMatchObject({
    verdict: 'pass',
  });
  const deadlock = { at_ms: 5_000, source: 'postgres', sqlstate: '40P01', pid: 1 };
  expect(
    await judgeLiteral('no-deadlocks', { operations: [{}], commits: [{}], server_log: [deadlock, ...LOST] }),
  ).toMatchObject({ verdict: 'fail', violations: 1 });
});

test('what a release does not have is unknown, with its reason, and the rest is judged', async () => {
  const gone = gap('xcom', 'not recorded on 3.5.0: xcom (there is no table xcom_v2 or xcom)');
  const run = { operations: Array.from({ length: 200 }, () => ({})), commits: [{}], server_log: [gone] };
  expect(await judgeLiteral('error-contract', run)).toMatchObject({
    verdict: 'unknown',
    why_unknown: 'not recorded on 3.5.0: xcom (there is no table xcom_v2 or xcom).',
  });
  expect(await judgeLiteral('impostors-are-refused', { ...run, ...IMPOSTORS })).toMatchObject({ verdict: 'pass' });
});

test('a table that was copied in part is one with a gap', async () => {
  const row = { dag_id: 'wt_dag', run_id: 'run1', task_id: 'task', map_index: -1, try_number: 1, state: 'success' };
  const result = await judgeLiteral('history-is-complete', {
    commits: [{ state: 'success', committed_ms: 5_000 }],
    finals: { task_instance: [{ id: 'ti-1', ...row }], task_instance_history: [{ task_instance_id: 'ti-0', ...row }] },
    server_log: [gap('final_task_instance', "the copy of Airflow's table task_instance is incomplete: a time-out")],
  });
  expect(result.verdict).toBe('unknown');
  expect(result.why_unknown).toContain("the copy of Airflow's table task_instance is incomplete");
});
