import { describe, expect, test } from 'vitest';

import type { Judgement } from '../model/verdict.ts';
import { between, compareJudgements, deadlocks, run } from '../testing/compare-fixture.ts';
import { invariant } from '../testing/fixture.ts';
import { answerClass, deadlock } from '../testing/fixture-evidence.ts';
import { comparePair as compareAsKnown, compareBuilds } from './compare.ts';

const shaky: Partial<Judgement> = {
  assumptions: [{ name: 'generator-kept-up', claim: 'c', verdict: 'fail', sentence: 'It lagged.' }],
};

describe('a comparison of two builds', () => {
  test('is better when B satisfies an invariant that A violates', () => {
    const result = compareJudgements(
      [run('airflow@3.2.1', { 'no-deadlocks': 'fail' }, deadlocks(8))],
      [run('airflow@3.2.2', { 'no-deadlocks': 'pass' }, deadlocks(0))],
    );
    expect(result).toMatchObject({ verdict: 'pass', decision: 'better' });
    expect(result.sentence).toBe(
      'airflow@3.2.2 removes the deadlocks (8/min → 0, at most 3/min at 95 %); ' +
        'no regression was detected in 2 runs',
    );
    expect(result.differences[0]).toMatchObject({
      kind: 'invariant',
      name: 'no-deadlocks',
      better: 'b',
    });
    // One of two tests that decide, and invariants aimed at have half of the 5 %.
    expect(result.differences[0]).toHaveProperty('p_value', expect.closeTo(0.0078125 * 2, 9));
  });

  test('is worse when B violates an invariant that A satisfies, and an improvement does not hide it', () => {
    const result = compareJudgements(
      [run('A', { p: 'pass', 'no-deadlocks': 'fail' }, deadlocks(8))],
      [run('B', { p: 'fail', 'no-deadlocks': 'pass' }, deadlocks(0))],
    );
    expect(result).toMatchObject({ verdict: 'fail', decision: 'worse' });
    expect(result.sentence).toBe(
      'B is worse than A: it violates p (0, at most 3/min at 95 % → 8/min); ' +
        'but it removes the deadlocks (8/min → 0, at most 3/min at 95 %)',
    );
  });

  test('names what is violated on both', () => {
    const result = compareJudgements([run('A', { p: 'fail', q: 'fail' })], [run('B', { p: 'pass', q: 'fail' })]);
    expect(result.sentence).toMatch(/; violated on both: q$/);
  });

  test('sees no difference between a build and itself, and says what it could detect', () => {
    const runs = [run('A', { p: 'pass', q: 'fail' }, deadlocks(8, 6))];
    const result = compareJudgements(runs, runs);
    expect(result).toMatchObject({ verdict: 'pass', decision: 'no difference seen', differences: [] });
    expect(result.sentence).toBe(
      'No difference seen between A (A) and A (B); minimum detectable increases: deadlocks 23 in 60 s ' +
        'and 5xx responses 20 in 60 s; violated on both: q',
    );
  });

  test('cannot say when B did not exercise what the scenario aims at', () => {
    const result = compareJudgements([run('A', { p: 'pass', q: 'fail' })], [run('B', { p: 'unknown', q: 'pass' })]);
    expect(result).toMatchObject({ verdict: 'unknown', decision: 'cannot say' });
    expect(result.sentence).toBe(
      'Cannot say whether B is better or worse than A: p was not exercised enough on B; ' +
        'observed so far: B no longer violates q (8/min → 0, at most 3/min at 95 %)',
    );
  });

  test('does not take what A violates for satisfied on B without exercising it, aimed at or not', () => {
    const untested = run('B', {});
    const result = compareJudgements(
      [run('A', { p: 'fail' })],
      [{ ...untested, invariants: [invariant('p', 'unknown', { aimed: false })] }],
    );
    expect(result.decision).toBe('cannot say');
    expect(result.differences).toMatchObject([{ a: 'fail', b: 'unknown', better: null, p_value: null }]);
  });

  test('names what B violates and A did not exercise', () => {
    const result = compareJudgements([run('A', { p: 'unknown' })], [run('B', { p: 'fail' })]);
    expect(result).toMatchObject({ verdict: 'unknown', decision: 'cannot say' });
    expect(result.differences[0]?.sentence).toBe('p: B violates it; not exercised enough on A (0 in 60 s → 8 in 60 s)');
  });

  test('ignores an invariant that neither side aimed at and neither exercised', () => {
    const aside = invariant('aside', 'unknown', { aimed: false });
    const side = { ...run('A', {}), invariants: [aside, invariant('p', 'pass')] };
    expect(compareJudgements([side], [side]).decision).toBe('no difference seen');
  });

  test('says when an invariant was violated too rarely for a significant difference', () => {
    const [difference] = compareJudgements([run('A', { p: 1 })], [run('B', { p: 'pass' })]).differences;
    expect(difference?.sentence).toBe(
      'p: B satisfies it, A violates it (1 in 60 s → 0 in 60 s; not significant, p = 1.00)',
    );
  });
});

describe('counts', () => {
  const latency = (kind: string, count: number) => [{ kind, count, p50_ms: 9, p95_ms: 9, p99_ms: 9, max_ms: 9 }];
  const rtif = (count: number) => ({
    classes: [answerClass({ kind: 'rtif', class: 'retry of a lost answer', count })],
    latency: latency('rtif', 1204),
  });

  test('make B worse when a bad one is significantly higher', () => {
    const result = compareJudgements([run('A', { p: 'fail' }, deadlocks(2))], [run('B', { p: 'fail' }, deadlocks(30))]);
    expect(result.decision).toBe('worse');
    expect(result.sentence).toContain('B is worse than A: it has more deadlocks (2/min → 30/min)');
    expect(result.differences).toMatchObject([{ kind: 'count', name: 'deadlocks', better: 'a', ratio: 15 }]);
  });

  test('of 409s by class are out of the requests of their kind, and inform', () => {
    const result = compareJudgements([run('A', {}, rtif(81))], [run('B', {}, rtif(0))]);
    expect(result.tests.find(({ name }) => name.startsWith('http_409'))).toMatchObject({
      name: 'http_409{operation:rtif,class:retry of a lost answer}',
      exposure_unit: 'operations',
      a_exposure: 1204,
      ratio: 0,
      decides: false,
      better: null,
      sentence: 'rtif 409: retry of a lost answer: 81 of 1,204 → 0 of 1,204, p < 0.0001',
    });
    expect(result.decision).toBe('no difference seen');
  });

  test('of deadlocks are separate by who blocked whom', () => {
    const locked = (kinds: Record<string, number>) => ({
      ...deadlocks(Object.values(kinds).reduce((sum, n) => sum + n, 0)),
      deadlocks: Object.entries(kinds).map(([fingerprint, n]) => ({ ...deadlock(0), fingerprint, left_out: n - 1 })),
    });
    const { tests } = compareJudgements([run('A', {}, locked({ x: 30, y: 4 }))], [run('B', {}, locked({ y: 5 }))]);
    expect(tests.map(({ name, a, b }) => [name, a, b])).toEqual(
      expect.arrayContaining([
        ['deadlocks', 34, 5],
        ['deadlocks{fingerprint:x}', 30, 0],
        ['deadlocks{fingerprint:y}', 4, 5],
      ]),
    );
  });

  test('are corrected for how many there are, of all pairs', () => {
    const [a, b] = [run('A', {}, deadlocks(7, 6)), run('B', {}, deadlocks(0, 6))];
    const [alone] = compareJudgements([a], [b]).tests;
    expect(alone?.p_value).toBeCloseTo(0.015625, 9);
    expect(alone?.p_adjusted).toBeCloseTo(4 * 0.015625, 9);
    const [beside] = compareBuilds([[a], [b], [run('C', {}, deadlocks(7, 6))]], { between, detect: 0 }).tests;
    expect(beside?.p_adjusted).toBeCloseTo(8 * 0.015625, 9);
  });

  test('of runs that vary among themselves need a larger difference', () => {
    const runs = (build: string, counts: number[]) => counts.map((n) => run(build, {}, deadlocks(n)));
    const steady = compareAsKnown(runs('A', [8, 9, 10]), runs('B', [40, 42, 44]), { detect: 0 });
    const bursty = compareAsKnown(runs('A', [0, 0, 27]), runs('B', [120, 6, 0]), { detect: 0 });
    expect(steady.decision).toBe('worse');
    expect(bursty.decision).toBe('no difference seen');
    const [calm, wild] = [steady, bursty].map(({ tests: [first] }) => first?.between_runs ?? 0);
    expect(calm).toBeLessThan(0.4);
    expect(wild).toBeGreaterThan(0.8);
  });

  test('say how many runs it takes to see them doubled, where no difference was seen', () => {
    const runs = (build: string, counts: number[]) => counts.map((n) => run(build, {}, deadlocks(n)));
    const few = compareAsKnown(runs('A', [20, 22]), runs('B', [19, 23]), { detect: 2 }).tests[0]?.runs_needed ?? 0;
    const fewer = compareAsKnown(runs('A', [20, 22]), runs('B', [19, 23]), { detect: 5 }).tests[0]?.runs_needed ?? 0;
    expect(few).toBeGreaterThan(fewer);
    expect(fewer).toBeGreaterThan(0);
  });

  test('of violations are compared by variant where both sides violate an invariant', () => {
    const by = (variants: Record<string, number>) => ({
      ...run('A', {}),
      invariants: [invariant('p', 'fail', { variants })],
    });
    const result = compareJudgements([by({ skip: 30, other: 4 })], [by({ skip: 1, other: 5 })]);
    expect(result.differences.map(({ name }) => name)).toEqual(['violations{invariant:p,variant:skip}']);
    expect(result.decision).toBe('better');
  });
});

describe('runs that are not valid', () => {
  test('show no invariant satisfied and no count, but a violation in them counts', () => {
    const result = compareJudgements(
      [run('A', { p: 'pass' })],
      [run('B', { p: 'pass' }, { ...shaky, ...deadlocks(40) })],
    );
    expect(result).toMatchObject({ decision: 'cannot say', tests: [] });
    expect(result.sentence).toContain('no valid run of B: generator-kept-up did not hold');
    const mixed = compareJudgements(
      [run('A', { p: 'pass' }), run('A', { p: 'pass' })],
      [run('B', { p: 'pass' }), run('B', { p: 'fail' }, shaky)],
    );
    expect(mixed.decision).toBe('worse');
    expect(mixed.caveats).toContain('1 run not counted: an assumption did not hold there.');
  });

  test('or no runs, or other scenarios, leave nothing to say', () => {
    expect(compareJudgements([], [run('B', { p: 'pass' })]).verdict).toBe('unknown');
    const other = compareJudgements([run('A', { p: 'pass' })], [run('B', { p: 'fail' }, { scenario: 'storm' })]);
    expect(other.sentence).toContain(
      'Cannot say whether B is better or worse than A: the scenarios differ (seeds and storm)',
    );
  });

  test('say that the executors behaved differently', () => {
    const local = { executor_behaviour: 'local' } as const;
    const mixed = compareJudgements([run('A', { p: 'pass' })], [run('B', { p: 'pass' }, local)]);
    expect(mixed.caveats).toContain(
      'The executors behaved differently (calm on one side, local on the other): differences may come from that ' +
        '(docs/harness.md).',
    );
    const same = compareJudgements([run('A', { p: 'pass' }, local)], [run('B', { p: 'pass' }, local)]);
    expect(same.caveats.join()).not.toContain('executors');
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
  expect(comparison.a.invariants).toMatchObject([{ name: 'p', verdict: 'fail', violations: 8, exercised: 264 }]);
  expect(comparison.a.runs).toHaveLength(2);
});
