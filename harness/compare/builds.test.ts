import { describe, expect, test } from 'vitest';
import { between, compareJudgements, deadlocks, run } from '../testing/compare-fixture.ts';
import { finding } from '../testing/fixture-finding.ts';
import { compareBuilds } from './compare.ts';

describe('latency, throughput and cost', () => {
  const measured = (p95_ms: number, cpu: number) => ({
    latency: [{ kind: 'heartbeat', count: 900, p50_ms: 9, p95_ms, p99_ms: 500, max_ms: 600 }],
    measures: { tasks_per_second: 10, cpu_s_per_task: cpu, memory_bytes: 1e9, lock_waits: 2 },
  });
  const runs = (build: string, ...values: number[]) =>
    values.map((value) => run(build, {}, measured(value, value / 1000)));

  test('make B worse when they shift by more than runs vary, and by more than 10 %', () => {
    const slower = compareJudgements(runs('A', 100, 104, 98), runs('B', 300, 310, 295));
    expect(slower.decision).toBe('worse');
    expect(slower.sentence).toMatch(
      /it raises CPU a task \(0\.1 s → 0\.3 s\) and raises heartbeat latency p95 \(101 ms → 302 ms\)/,
    );
    const same = compareJudgements(runs('A', 100, 100, 100), runs('B', 108, 108, 108));
    expect(same.decision).toBe('no difference seen');
  });

  test('are not compared with fewer than three runs a side, and that is said', () => {
    const result = compareJudgements(runs('A', 100, 104), runs('B', 300, 310));
    expect(result.pairs[0]?.measures).toEqual([]);
    expect(result.caveats).toContain('Latency, throughput and cost are not compared: that takes 3 valid runs a side.');
  });

  test('of judgements from before they were read are left out', () => {
    const old = ['A', 'A', 'A'].map((build) => run(build, {}));
    expect(compareJudgements(old, old).pairs[0]?.measures).toEqual([]);
  });
});

describe('more than two builds', () => {
  const three = () =>
    compareBuilds(
      [
        [run('A', { 'no-deadlocks': 30 }, deadlocks(30))],
        [run('B', { 'no-deadlocks': 'pass' }, deadlocks(0))],
        [run('C', { 'no-deadlocks': 90 }, deadlocks(90))],
      ],
      { between, detect: 0 },
    );

  test('are each compared with the first, and the worst of them decides', () => {
    const result = three();
    expect(result.pairs.map(({ letter, decision }) => [letter, decision])).toEqual([
      ['B', 'better'],
      ['C', 'worse'],
    ]);
    expect(result).toMatchObject({ verdict: 'fail', decision: 'worse', b: { build: 'B' } });
    expect(result.sentence).toMatch(/^B removes the deadlocks .*\. C is worse than A: it has more deadlocks/);
  });

  test('one alone is no comparison', () => {
    expect(() => compareBuilds([[run('A', {})]])).toThrow('a comparison needs two builds');
  });
});

test('findings are grouped by cause: only in B first, then in both, then only in A', () => {
  const having = (build: string, ...fingerprints: string[]) =>
    run(build, {}, { findings: fingerprints.map((fingerprint) => ({ ...finding(), fingerprint, occurrences: 3 })) });
  const [pair] = compareJudgements(
    [having('A', 'old', 'both'), having('A', 'both')],
    [having('B', 'both', 'new')],
  ).pairs;
  expect(pair?.findings.map(({ fingerprint, a, b }) => [fingerprint, a.occurrences, a.runs, b.runs])).toEqual([
    ['new', 0, 0, 1],
    ['both', 6, 2, 1],
    ['old', 3, 1, 0],
  ]);
});
