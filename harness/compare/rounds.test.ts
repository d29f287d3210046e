import { describe, expect, test } from 'vitest';

import { soFarText } from '../../reports/terminal/so-far.ts';
import type { Judgement } from '../model/verdict.ts';
import { plannedLooks } from '../statistics/spending.ts';
import { deadlocks, run } from '../testing/compare-fixture.ts';
import { compareBuilds } from './compare.ts';
import { playRounds } from './rounds.ts';

/** Builds that have so many deadlocks in each run, or in the runs one after another. */
type Build = readonly [name: string, ...counts: readonly number[]];

const judgementOf = ([name, ...counts]: Build, round: number): Judgement => {
  const count = counts[round] ?? counts.at(-1) ?? 0;
  return run(name, { 'no-deadlocks': count > 0 ? count : 'pass' }, deadlocks(count));
};

async function played(builds: readonly Build[], planned: readonly number[]) {
  const order: string[] = [];
  const { judged, look } = await playRounds(builds, planned, (build, round) => {
    order.push(build[0]);
    return Promise.resolve(judgementOf(build, round));
  });
  return { order: order.join(' '), judged, ...compareBuilds(judged, { detect: 0, look }) };
}

const A: Build = ['A', 22];
const CLEAN: Build = ['B', 0];

describe('a comparison ends', () => {
  test('after two runs of each build if the difference is as clear as 22 deadlocks and none', async () => {
    const { order, decision, looks } = await played([A, CLEAN], plannedLooks(3));
    expect(order).toBe('A B B A');
    expect(decision).toBe('better');
    expect(looks).toEqual({
      after: 2,
      planned: [
        { after: 2, spent: expect.closeTo(0.05 * (2 / 3), 9) },
        { after: 3, spent: 0.05 },
      ],
      sentence:
        'Stopped after 2 of up to 3 runs of each build: the answer is clear (--runs 3 makes them all). ' +
        'The looks after 2 and 3 runs share the 5 %, and the p-values allow for that.',
    });
  });

  test('also where the build is worse', async () => {
    const { decision, looks } = await played([CLEAN, A], plannedLooks(5));
    expect([decision, looks?.after]).toEqual(['worse', 2]);
  });

  test('after what is known was said: after the first runs, and after each look that does not end it', async () => {
    const said: string[] = [];
    const play = (build: Build, round: number) => Promise.resolve(judgementOf(build, round));
    const soFar: Parameters<typeof playRounds>[3] = (comparison, { after, planned }) =>
      said.push(soFarText(comparison, { made: after, planned }));
    await playRounds([A, ['B', 22]], plannedLooks(4), play, soFar);
    expect(said).toEqual([
      'Known after 1 of up to 4 runs of each build:\n' +
        '  deadlocks: A 22/min, B 22/min\n' +
        '  A A violated no-deadlocks\n' +
        '  B B violated no-deadlocks\n' +
        '  Missing: 1 more run of each until the next look at whether the answer is clear.',
      expect.stringMatching(
        /^Known after 2 of up to 4 .*\n {2}The answer is not clear yet\. Missing: 1 more run of each until/s,
      ),
      expect.stringMatching(
        /^Known after 3 of up to 4 .* clear yet\. Missing: 1 more run of each; then it is decided\.$/s,
      ),
    ]);
    said.length = 0;
    await playRounds([A, CLEAN], [2], play, soFar);
    expect(said).toEqual([
      expect.stringMatching(
        /^Known after 1 of 2 runs .*\n {2}deadlocks: A 22\/min, B 0 .*B B violated nothing yet\n {2}Missing: 1 more/s,
      ),
    ]);
  });

  test('not after one run, because no difference of one run of each build is clear enough for a first look', () => {
    const [a, b] = [
      run('A', { 'no-deadlocks': 300, 'error-contract': 300, p: 'fail', q: 'fail' }, deadlocks(300, 300)),
      run('B', { 'no-deadlocks': 'pass', 'error-contract': 'pass', p: 'fail', q: 'fail' }, deadlocks(0, 0)),
    ];
    const { decision, tests } = compareBuilds([[a], [b]], { detect: 0, look: { after: 1, planned: [1, 2, 3] } });
    expect(decision).toBe('no difference seen');
    expect(Math.min(...tests.map(({ p_adjusted }) => p_adjusted))).toBeGreaterThan(0.1);
  });

  test('after all runs, if there is no difference', async () => {
    const { order, decision, looks } = await played([A, ['B', 22]], plannedLooks(3));
    expect([order, decision, looks?.after]).toEqual(['A B B A A B', 'no difference seen', 3]);
    expect(looks?.sentence).toBe(
      'All 3 runs of each build were made: at no look before was the answer clear. ' +
        'The looks after 2 and 3 runs share the 5 %, and the p-values allow for that.',
    );
  });

  test('at planned looks only', async () => {
    expect((await played([A, CLEAN], [5, 8])).looks?.after).toBe(5);
    expect((await played([A, CLEAN], [8])).judged.map(({ length }) => length)).toEqual([8, 8]);
  });

  test('only when all builds differ from the first', async () => {
    const four = [A, CLEAN, ['C', 22], ['D', 0]] as const;
    const { order, looks } = await played(four, plannedLooks(3));
    expect([order, looks?.after]).toEqual(['A B C D D C B A A B C D', 3]);
  });

  test('not while more runs may show that the better build also has a regression', async () => {
    const judgementsOf = (build: string, locks: number, answers: number) =>
      run(build, { 'no-deadlocks': locks > 0 ? locks : 'pass', 'error-contract': 'fail' }, deadlocks(locks, answers));
    const { judged } = await playRounds([A, CLEAN], plannedLooks(3), ([name, count = 0]) =>
      Promise.resolve(judgementsOf(name, count, count > 0 ? 9 : 20)),
    );
    expect(judged.map(({ length }) => length)).toEqual([3, 3]);
  });
});

test('with as many runs as were asked for there are no looks, and p is as without them', async () => {
  const { judged, looks, tests, ...rest } = await played([A, CLEAN], [3]);
  expect(judged.map(({ length }) => length)).toEqual([3, 3]);
  expect(looks).toBeNull();
  expect({ looks, tests, ...rest }).toMatchObject(compareBuilds(judged, { detect: 0 }));
});

test('a look corrects p for all of them', () => {
  const judged = [A, CLEAN].map((build) => [0, 1].map((round) => judgementOf(build, round)));
  const [once] = compareBuilds(judged, { detect: 0 }).tests;
  const [early] = compareBuilds(judged, { detect: 0, look: { after: 2, planned: [2, 3] } }).tests;
  expect(early?.p_value).toBe(once?.p_value);
  expect((early?.p_adjusted ?? 0) / (once?.p_adjusted ?? 1)).toBeCloseTo(3 / 2, 6);
  expect(early?.smallest_count_seen).toBeGreaterThan(once?.smallest_count_seen ?? Number.POSITIVE_INFINITY);
});
