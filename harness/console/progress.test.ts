import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import type { Sighting } from '../model/sighting.ts';
import { judgement } from '../testing/fixture.ts';
import { Progress } from './progress.ts';

const SEEN: Sighting = {
  kind: '5xx',
  at_ms: 1_000,
  said_ms: 1_200,
  name: 'the answer 500 to state for wt_a/r1/t1',
  sentence: 'The state request of w-1 was answered 500.',
  op: 50,
  seq: null,
};
const JUDGED = { ...judgement(), sightings: [{ ...SEEN, taken_back: 'it was overload' }] };

let printed: string[];

beforeEach(() => {
  printed = [];
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => printed.push(String(text)) > 0);
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** What is printed of a run in which something is said and then taken back, without the live line. */
function printedBy(progress: Progress): string[] {
  progress.sighting(SEEN, 0.8);
  progress.judged(JUDGED);
  progress.stop();
  return printed.filter((text) => !text.includes(' · ')).map((text) => text.replace(/after [\d.]+ \w+/, 'after …'));
}

test('what was said is taken back when the run is judged', () => {
  expect(printedBy(new Progress('reference', 60))).toEqual([
    'reference, after … (0.8 s into the load): The state request of w-1 was answered 500.\n',
    'Taken back: reference, after …: the answer 500 to state for wt_a/r1/t1: it was overload.\n',
  ]);
});

test('one of several runs says its verdict, too, and nothing that was said of the build before', () => {
  const [verdict, ...others] = printedBy(new Progress('reference (run 2 of 2)', 60, { saidBefore: new Set(['5xx']) }));
  expect(verdict).toMatch(/^reference \(run 2 of 2\): FAIL\. airflow@3\.2\.1 violated /);
  expect(others).toEqual([]);
});

test('--quiet says nothing before the verdict', () => {
  expect(printedBy(new Progress('reference', 60, { quiet: true }))).toEqual([]);
});
