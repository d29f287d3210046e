import { expect, test } from 'vitest';

import type { Sighting } from '../model/sighting.ts';
import { judgement } from '../testing/fixture.ts';
import { Said } from './said.ts';

const SEEN: Sighting = {
  kind: 'refused heartbeat',
  at_ms: 47_100,
  said_ms: 47_300,
  name: 'the refused heartbeat of w-4 for wt_a/r1/t1',
  sentence: 'wt-scheduler-2 set task t1 of wt_a/r1 from RUNNING to FAILED while worker w-4 ran it.',
  op: 40,
  seq: 7,
};

const judged = (taken_back: string | null) => ({ ...judgement(), sightings: [{ ...SEEN, taken_back }] });

test('a sentence has the build, the time since the command began, and the time in the load', () => {
  const said = new Said('airflow@3.2.1', new Set(), () => 47_300);
  expect(said.sighting(SEEN, 3.94)).toBe(
    'airflow@3.2.1, after 47 s (3.9 s into the load): wt-scheduler-2 set task t1 of wt_a/r1 from RUNNING to\n' +
      '  FAILED while worker w-4 ran it.',
  );
  expect(new Said('airflow@3.2.1', new Set(), () => 9_000).sighting(SEEN, null)).toMatch(
    /^airflow@3\.2\.1, after 9 s \(before the load\): wt-scheduler-2 /,
  );
});

test('one that the verdict does not confirm is taken back in words, and may then be said of the next run', () => {
  const before = new Set<Sighting['kind']>();
  const first = new Said('airflow@3.2.1 (run 1 of 2)', before, () => 47_300);
  const late = 'it was a late update (RUNNING → FAILED 0.3 s before, by wt-scheduler-2)';
  expect(first.sighting(SEEN, 3)).toBeDefined();
  expect(new Said('airflow@3.2.1 (run 2 of 2)', before).sighting(SEEN, 3)).toBeUndefined();
  expect(first.takenBack(judged(late))).toEqual([
    'Taken back: airflow@3.2.1 (run 1 of 2), after 47 s: the refused heartbeat of w-4 for wt_a/r1/t1: it was a\n' +
      '  late update (RUNNING → FAILED 0.3 s before, by wt-scheduler-2).',
  ]);
  expect(new Said('airflow@3.2.1 (run 2 of 2)', before).sighting(SEEN, 3)).toBeDefined();
});

test('what is confirmed, and what was not said of this run, is not taken back', () => {
  const said = new Said('a');
  said.sighting(SEEN, 3);
  expect(said.takenBack(judged(null))).toEqual([]);
  expect(new Said('b').takenBack(judged('it was overload'))).toEqual([]);
  expect(said.takenBack(judgement())).toEqual([]);
});

test('text of a run cannot write over the terminal', () => {
  const text = new Said('a').sighting({ ...SEEN, sentence: `\u001b[2Jtask ${'x'.repeat(20_000)}` }, 3) ?? '';
  expect(text).not.toContain('\u001b');
  expect(text.length).toBeLessThan(1_000);
});
