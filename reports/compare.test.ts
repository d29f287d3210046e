import { describe, expect, test } from 'vitest';

import type { Judgement, Verdict } from '../harness/model/verdict.ts';
import { compareJudgements } from './compare.ts';
import { invariant, judgement } from './fixture.ts';

/** One run of a build in which each invariant got this verdict; violations as given or 8. */
function run(build: string, verdicts: Record<string, Verdict | number>, over: Partial<Judgement> = {}): Judgement {
  const invariants = Object.entries(verdicts).map(([name, verdict]) =>
    typeof verdict === 'number'
      ? invariant(name, 'fail', { violations: verdict })
      : invariant(name, verdict, { violations: verdict === 'fail' ? 8 : 0 }),
  );
  return judgement({ build, invariants, refusals: [], counts: {}, ...over });
}

const deadlocks = (n: number, http_5xx = 0) => ({ counts: { deadlocks: n, http_5xx } });
const shaky: Partial<Judgement> = {
  assumptions: [{ name: 'generator-kept-up', claim: 'c', verdict: 'fail', sentence: 'It lagged.' }],
};

describe('a comparison of two builds', () => {
  test('is better when B keeps a promise that A breaks', () => {
    const result = compareJudgements(
      [run('airflow@3.2.1', { 'no-deadlocks': 'fail' }, deadlocks(8))],
      [run('airflow@3.2.2', { 'no-deadlocks': 'pass' }, deadlocks(0))],
    );
    expect(result).toMatchObject({ verdict: 'pass', decision: 'better' });
    expect(result.sentence).toBe(
      'airflow@3.2.2 removes the deadlocks (8 in 60 s → 0 in 60 s); nothing got worse that these runs could have seen',
    );
    expect(result.differences[0]).toMatchObject({
      kind: 'invariant',
      name: 'no-deadlocks',
      better: 'b',
      p_value: 0.0078125,
    });
  });

  test('is worse when B breaks a promise that A keeps, and an improvement does not hide it', () => {
    const result = compareJudgements(
      [run('A', { p: 'pass', 'no-deadlocks': 'fail' }, deadlocks(8))],
      [run('B', { p: 'fail', 'no-deadlocks': 'pass' }, deadlocks(0))],
    );
    expect(result).toMatchObject({ verdict: 'fail', decision: 'worse' });
    expect(result.sentence).toBe(
      'B is worse than A: it breaks p (0 in 60 s → 8 in 60 s); though it removes the deadlocks (8 in 60 s → 0 in 60 s)',
    );
  });

  test('names what is broken on both', () => {
    const result = compareJudgements([run('A', { p: 'fail', q: 'fail' })], [run('B', { p: 'pass', q: 'fail' })]);
    expect(result.sentence).toMatch(/; broken on both: q$/);
  });

  test('sees no difference between a build and itself, and says what it could have seen', () => {
    const runs = [run('A', { p: 'pass', q: 'fail' }, deadlocks(8, 6))];
    const result = compareJudgements(runs, runs);
    expect(result).toMatchObject({ verdict: 'pass', decision: 'no difference seen', differences: [] });
    expect(result.sentence).toBe(
      'no difference seen between A (A) and A (B); these runs would have seen deadlocks from 22 in 60 s on ' +
        'and 5xx answers from 19 in 60 s on; broken on both: q',
    );
  });

  test('cannot say when B was not put to the test for what the scenario aims at', () => {
    const result = compareJudgements([run('A', { p: 'pass', q: 'fail' })], [run('B', { p: 'unknown', q: 'pass' })]);
    expect(result).toMatchObject({ verdict: 'unknown', decision: 'cannot say' });
    expect(result.sentence).toBe(
      'cannot say whether B is better or worse than A: p was not put to the test on B; ' +
        'what was seen: B keeps q (8 in 60 s → 0 in 60 s)',
    );
  });

  test('does not take A’s broken promise for kept on B without a chance there, aimed at or not', () => {
    const untested = run('B', {});
    const result = compareJudgements(
      [run('A', { p: 'fail' })],
      [{ ...untested, invariants: [invariant('p', 'unknown', { aimed: false })] }],
    );
    expect(result.decision).toBe('cannot say');
    expect(result.differences).toMatchObject([{ a: 'fail', b: 'unknown', better: null, p_value: null }]);
  });

  test('flags as only seen in B what A was not put to the test for', () => {
    const result = compareJudgements([run('A', { p: 'unknown' })], [run('B', { p: 'fail' })]);
    expect(result).toMatchObject({ verdict: 'unknown', decision: 'cannot say' });
    expect(result.differences[0]?.sentence).toBe(
      'p: only seen in B, which breaks it; A was not put to the test (0 in 60 s → 8 in 60 s)',
    );
  });

  test('lets an invariant that neither side aimed at and neither could tell stay aside', () => {
    const aside = invariant('aside', 'unknown', { aimed: false });
    const side = { ...run('A', {}), invariants: [aside, invariant('p', 'pass')] };
    expect(compareJudgements([side], [side]).decision).toBe('no difference seen');
  });

  test('admits when a broken promise was seen so rarely that chance could part the builds', () => {
    const [difference] = compareJudgements([run('A', { p: 1 })], [run('B', { p: 'pass' })]).differences;
    expect(difference?.sentence).toBe(
      'p: B keeps it, A breaks it (1 in 60 s → 0 in 60 s; so few could part by chance, p = 1.00)',
    );
  });
});

describe('counts', () => {
  const rtif = (n: number) => ({
    refusals: [
      { status: 409, kind: 'rtif', reason: 'Unique constraint violation', found_state: '', replay: false, count: n },
    ],
  });

  test('make B worse when a bad one is higher than chance explains', () => {
    const result = compareJudgements([run('A', { p: 'fail' }, deadlocks(2))], [run('B', { p: 'fail' }, deadlocks(30))]);
    expect(result.decision).toBe('worse');
    expect(result.sentence).toContain('B is worse than A: it has more deadlocks (2 in 60 s → 30 in 60 s)');
    expect(result.differences).toMatchObject([{ kind: 'count', name: 'deadlocks', better: 'a', ratio: 15 }]);
  });

  test('of 409s are out of the operations of their kind', () => {
    const [test409] = compareJudgements([run('A', {}, rtif(81))], [run('B', {}, rtif(0))]).tests.filter(
      ({ name }) => name === 'http_409{operation:rtif}',
    );
    expect(test409).toMatchObject({ exposure_unit: 'operations', a_exposure: 1204, better: 'b', ratio: 0 });
    expect(test409?.sentence).toBe('rtif 409s: 81 of 1,204 → 0 of 1,204, p = < 0.0001');
  });

  test('of refusals that are the right answer are shown and decide nothing', () => {
    const refused = (count: number, kind: string, found_state: string) => ({
      refusals: [{ status: 409, kind, reason: 'r', found_state, replay: kind === 'state', count }],
    });
    for (const [kind, state] of [
      ['run', 'skipped'],
      ['backfill', ''],
      // Sent again after a time-out, and the first sending had been carried out.
      ['state', 'success'],
    ] as const) {
      const result = compareJudgements(
        [run('A', {}, refused(1, kind, state))],
        [run('B', {}, refused(90, kind, state))],
      );
      expect(result.decision).toBe('no difference seen');
      expect(result.tests.some(({ p_value, decides }) => p_value < 1e-9 && !decides)).toBe(true);
    }
    const wrong = compareJudgements(
      [run('A', {}, refused(1, 'run', 'running'))],
      [run('B', {}, refused(90, 'run', 'running'))],
    );
    expect(wrong.decision).toBe('worse');
  });

  test('are corrected for how many there are', () => {
    const both = compareJudgements(
      [run('A', {}, { ...deadlocks(6, 6), ...rtif(5) })],
      [run('B', {}, { ...deadlocks(0, 6), ...rtif(5) })],
    );
    const [test] = both.tests;
    expect(test?.p_value).toBeCloseTo(0.03125, 9);
    expect(test?.p_adjusted).toBeCloseTo(0.09375, 9);
    expect(both.decision).toBe('no difference seen');
  });

  test('of runs that vary among themselves need a larger difference, and the reader is told', () => {
    const runs = (build: string, counts: number[]) => counts.map((n) => run(build, {}, deadlocks(n)));
    const steady = compareJudgements(runs('A', [8, 9, 10]), runs('B', [20, 21, 22]));
    const bursty = compareJudgements(runs('A', [0, 0, 27]), runs('B', [60, 3, 0]));
    expect(steady.decision).toBe('worse');
    expect(bursty.decision).toBe('no difference seen');
    expect(bursty.caveats).toContain(
      'Runs of one side vary more than chance in deadlocks; there a difference must be larger to count.',
    );
  });

  test('of violations are compared by path where both sides break a promise', () => {
    const by = (paths: Record<string, number>) => ({
      ...run('A', {}),
      invariants: [invariant('p', 'fail', { paths })],
    });
    const result = compareJudgements([by({ skip: 30, other: 4 })], [by({ skip: 1, other: 5 })]);
    expect(result.differences.map(({ name }) => name)).toEqual(['violations{invariant:p,path:skip}']);
    expect(result.decision).toBe('better');
  });
});

describe('runs that cannot be believed', () => {
  test('show no promise kept and no count, but what they saw broken is broken', () => {
    const result = compareJudgements(
      [run('A', { p: 'pass' })],
      [run('B', { p: 'pass' }, { ...shaky, ...deadlocks(40) })],
    );
    expect(result).toMatchObject({ decision: 'cannot say', tests: [] });
    expect(result.sentence).toContain('no run of B can be believed: generator-kept-up did not hold');
    const mixed = compareJudgements(
      [run('A', { p: 'pass' }), run('A', { p: 'pass' })],
      [run('B', { p: 'pass' }), run('B', { p: 'fail' }, shaky)],
    );
    expect(mixed.decision).toBe('worse');
    expect(mixed.caveats).toContain('1 run left out of the counts, because an assumption did not hold there.');
  });

  test('or no runs, or other scenarios, leave nothing to say', () => {
    expect(compareJudgements([], [run('B', { p: 'pass' })]).verdict).toBe('unknown');
    const other = compareJudgements([run('A', { p: 'pass' })], [run('B', { p: 'fail' }, { scenario: 'storm' })]);
    expect(other.sentence).toContain(
      'cannot say whether B is better or worse than A: the scenarios differ (seeds and storm)',
    );
  });

  test('with no load divide by nothing', () => {
    const none = run('A', { p: 'pass' }, { load_seconds: 0 });
    expect(JSON.stringify(compareJudgements([none], [none]))).not.toMatch(/null,null\]|NaN/);
    expect(compareJudgements([none], [none]).decision).toBe('cannot say');
  });
});

test('a comparison is one JSON document with both sides summed up', () => {
  const comparison = compareJudgements(
    [run('A', { p: 'pass' }, deadlocks(1)), run('A', { p: 'fail' }, deadlocks(2))],
    [run('B', { p: 'pass' }, deadlocks(0))],
  );
  expect(JSON.parse(JSON.stringify(comparison))).toEqual(comparison);
  expect(comparison.a).toMatchObject({ build: 'A', load_seconds: 120, counts: { deadlocks: 3 } });
  expect(comparison.a.invariants).toMatchObject([{ name: 'p', verdict: 'fail', violations: 8, chances: 264 }]);
  expect(comparison.a.runs).toHaveLength(2);
});
