import { expect, test } from 'vitest';

import { changeSentence, changesOf, trendCaveats } from '../../reports/trend.ts';
import { invariant } from '../testing/fixture.ts';
import { literalNights } from '../testing/nights.ts';
import { buildTrend } from './trend.ts';

const NEXT = 14;
/** From the release of night 14 on a deadlock, and slower heartbeats. */
const regressed = literalNights(28, (night) =>
  night < NEXT ? {} : { airflow: '3.3.2', p95_ms: 60, occurrences: 3 + (night % 3) },
);
const DOUBT = [{ name: 'load-was-on', claim: '', verdict: 'fail', sentence: '' }] as const;

test('what came with a release is said once each, with its night, its levels and the release', () => {
  const trend = buildTrend(regressed, []);
  const [scenario] = trend.scenarios;
  const said = scenario ? changesOf(scenario).map(changeSentence) : [];
  expect(said).toHaveLength(3);
  expect(said[0]).toMatch(/^#63266 .+ appeared: 0\/min → 4\/min from 2026-11-15 on \(p = 0\.00\d+\); /);
  expect(said[0]).toMatch(/; changed then: airflow 3\.3\.1 → 3\.3\.2$/);
  expect(said[1]).toMatch(/^deadlocks appeared: 0\/min → 4\/min from 2026-11-15 on/);
  expect(said[2]).toMatch(/^latency of heartbeat, p95 rose: 42 ms → 62 ms from 2026-11-15 on/);
  expect(scenario?.nights.filter(({ changed }) => changed.length > 0).map(({ at }) => at.slice(0, 10))).toEqual([
    '2026-11-15',
  ]);
});

test('nights without a change have none, whatever the noise', () => {
  const { scenarios } = buildTrend(
    literalNights(28, () => ({})),
    [],
  );
  expect(scenarios.flatMap(changesOf)).toEqual([]);
});

test('only runs of which all assumptions hold count; a night without any is no zero', () => {
  const trend = buildTrend(
    literalNights(28, (night) =>
      night % 2 === 0
        ? { occurrences: 5 }
        : { over: { assumptions: DOUBT, invariants: [invariant('no-deadlocks', 'pass')] } },
    ),
    [],
  );
  const [scenario] = trend.scenarios;
  const found = scenario?.series.find(({ kind }) => kind === 'finding');
  expect(found?.values.slice(0, 4)).toEqual([5, null, 5, null]);
  expect(found?.changes).toEqual([]);
  expect(scenario && trendCaveats(scenario)).toContain('14 nights have no run of which all assumptions hold.');
});

test('few nights are not tested, and do not make the correction of others stricter', () => {
  const few = buildTrend(regressed.slice(NEXT - 2, NEXT + 2), []);
  expect(few.tested).toBe(0);
  const [scenario] = few.scenarios;
  expect(new Set(scenario?.series.map(({ tested }) => tested))).toEqual(new Set(['too few nights']));
  const both = buildTrend(
    [...regressed, ...regressed.slice(0, 3).map((night) => ({ ...night, scenario: 'storm' }))],
    [],
  );
  expect(both.tested).toBe(buildTrend(regressed, []).tested);
  expect(both.scenarios.map((one) => one.scenario)).toEqual(['seeds', 'storm']);
});

test('builds that take turns are said to', () => {
  const turns = literalNights(12, (night) => ({ airflow: night % 2 === 0 ? '3.3.1' : '3.3.2' }));
  const named = turns.map((night, i) => ({ ...night, manifest: { ...night.manifest, build: `airflow@${i % 2}` } }));
  const trend = buildTrend(named, []);
  const [scenario] = trend.scenarios;
  expect(scenario && trendCaveats(scenario).join(' ')).toMatch(/2 builds take turns: look at one .* --build/);
});
