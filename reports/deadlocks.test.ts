import { expect, test } from 'vitest';
import { judgement } from '../harness/testing/fixture.ts';
import { deadlock } from '../harness/testing/fixture-evidence.ts';
import { deadlockKinds, storyLines, storyOf, titleOf, waitsOf } from './deadlocks.ts';
import { classTable, classWords } from './refusals.ts';

test('the story of a deadlock goes from who held what to what was recorded in the end', () => {
  const story = storyOf(deadlock(9_100)).map(({ lane, kind, text }) => [lane, kind, text]);
  expect(story).toEqual([
    [0, 'holds', 'has task_instance wt_storm/run-3/leaf_07'],
    [1, 'waits', 'waits for task_instance wt_storm/run-3/leaf_07, which wt-api-execution-1 has'],
    [1, 'holds', 'has dag_run wt_storm/run-3'],
    [0, 'waits', 'waits for dag_run wt_storm/run-3, which wt-scheduler-1 has'],
    [0, 'cancelled', 'PostgreSQL cancels its statement and rolls its transaction back'],
    [1, 'goes-on', 'gets its lock and goes on'],
    [0, 'answered', 'the client is answered 500'],
    [0, 'retried', 'the client sends it again (operation 3400): answered 204'],
    [0, 'recorded', 'recorded in the end: SUCCESS (commit 4712)'],
  ]);
});

test('a victim that serves no request has no answer, and one that dies of it says so', () => {
  const scheduler = { ...deadlock(9_100), operation: null, outcome: null, died_ms: 9_500 };
  expect(storyOf(scheduler).at(-1)).toMatchObject({ at_ms: 9_500, text: 'the process dies of it' });
  expect(storyLines(scheduler)).toHaveLength(2);
});

test('a kind is called by its deeds, and by its statements where a side is dark; its example is one that is explained', () => {
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

test('the classes of answers are told with an example each, and what could not be told is counted', () => {
  const told = judgement();
  const open = { ...told.counts, refusals_unclassified: 48, unknown_settled: 9, unknown_open: 1 };
  const { rows, note } = classTable({ ...told, counts: open });
  expect(rows[0]).toEqual([
    '81',
    'rtif',
    '409 Unique constraint violation',
    'retry of a lost answer',
    'operation 812 (operation 77, commit 4032): RUNNING → SKIPPED 0.4 s before, by wt-api-execution-1',
  ]);
  expect(note).toBe(
    'Every 4xx and 5xx, and what the record says of it. For 48 of them (50 %) the record does not tell. ' +
      'Of 10 requests without an answer, or with a 5xx, the commits tell for 9 what came.',
  );
  expect(classWords(told)).toBe('why: 81 retry of a lost answer, 9 legitimate and 6 deadlock');
});

test('who waits for whom is told along the circle, from the victim on', () => {
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
