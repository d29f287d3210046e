import { expect, test } from 'vitest';
import { judgement } from '../harness/testing/fixture.ts';
import { deadlock } from '../harness/testing/fixture-evidence.ts';
import { deadlockKinds, storyLines, storyOf, titleOf, waitsOf } from './deadlocks.ts';
import { classTable, classWords } from './refusals.ts';

test('the steps of a deadlock go from who held what to the final state', () => {
  const steps = storyOf(deadlock(9_100)).map(({ lane, kind, text }) => [lane, kind, text]);
  expect(steps).toEqual([
    [0, 'holds', 'holds task_instance wt_storm/run-3/leaf_07'],
    [1, 'waits', 'waits for task_instance wt_storm/run-3/leaf_07, which wt-api-execution-1 holds'],
    [1, 'holds', 'holds dag_run wt_storm/run-3'],
    [0, 'waits', 'waits for dag_run wt_storm/run-3, which wt-scheduler-1 holds'],
    [0, 'cancelled', 'PostgreSQL cancels its statement and rolls its transaction back'],
    [1, 'continues', 'gets its lock and continues'],
    [0, 'answered', 'the client gets 500'],
    [0, 'retried', 'the client retries (operation 3400): 204'],
    [0, 'recorded', 'final state: SUCCESS (commit 4712)'],
  ]);
});

test('a victim that serves no request has no response, and one that exits because of it says so', () => {
  const scheduler = { ...deadlock(9_100), operation: null, outcome: null, died_ms: 9_500 };
  expect(storyOf(scheduler).at(-1)).toMatchObject({ at_ms: 9_500, text: 'the process exits because of it' });
  expect(storyLines(scheduler)).toHaveLength(2);
});

test('the title of a kind is its actions, or its fingerprint where a side is unknown; its example is explained', () => {
  const dark = { ...deadlock(1_000), explained: false };
  const [kind] = deadlockKinds([dark, deadlock(9_100)]);
  expect(kind).toMatchObject({ count: 2, dark: 1, first: { at_ms: 1_000 }, example: { at_ms: 9_100 } });
  expect(kind && titleOf(kind)).toBe(
    'api-execution carries out an end report (state PATCH) × scheduler gives unfinished tasks the new DAG version',
  );
  const [side] = dark.sides;
  const [other] = deadlockKinds([{ ...dark, sides: side ? [{ ...side, action: null }] : [] }]);
  expect(other && titleOf(other)).toBe(dark.fingerprint);
});

test('each class of responses has an example, and those without a recorded cause are counted', () => {
  const one = judgement();
  const open = { ...one.counts, refusals_unclassified: 48, unknown_settled: 9, unknown_open: 1 };
  const { rows, note } = classTable({ ...one, counts: open });
  expect(rows[0]).toEqual([
    '81',
    'rtif',
    '409 Unique constraint violation',
    'retry of a lost answer',
    'operation 812 (operation 77, commit 4032): RUNNING → SKIPPED 0.4 s before, by wt-api-execution-1',
  ]);
  expect(note).toBe(
    'Every 4xx and 5xx, with its cause. For 48 of them (50 %) the cause was not recorded. ' +
      'The commits show the effect of 9 of 10 requests without a response or with a 5xx.',
  );
  expect(classWords(one)).toBe('causes: 81 retry of a lost answer, 9 legitimate and 6 deadlock');
});

test('who waits for whom is in the order of the cycle, from the victim on', () => {
  const three = { ...deadlock(9_100) };
  const [victim, other] = three.sides;
  if (!victim || !other) throw new Error('a deadlock has two sides');
  const sides = [
    { ...victim, pid: 1, blocked_by: 3 },
    { ...other, pid: 2, blocked_by: 1, waits_for: null, lock: 'ShareLock on transaction 7' },
    { ...other, pid: 3, process: 'wt-scheduler-2', blocked_by: 2 },
  ];
  expect(waitsOf({ ...three, sides }).map(({ side, wanted, holder }) => [side.pid, wanted, holder?.pid])).toEqual([
    [1, 'dag_run wt_storm/run-3', 3],
    [3, 'task_instance wt_storm/run-3/leaf_07', 2],
    [2, 'a row that transaction 7 has locked', 1],
  ]);
});

test('a kind counts those that are not listed, too', () => {
  const [kind] = deadlockKinds([deadlock(1_000), { ...deadlock(2_000), left_out: 40 }]);
  expect(kind).toMatchObject({ count: 42, dark: 0, last: { at_ms: 2_000 } });
});
