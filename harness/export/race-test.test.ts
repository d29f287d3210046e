import { readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { KNOWN_RACES } from '../races/index.ts';
import { testedRaces, wantedTest } from './race-test.ts';

const textOf = (slug: string) => readFileSync(new URL(`../races/${slug}.pytest.py`, import.meta.url), 'utf8');

test('a test of a race is one of a known race, and has builds with and without it', () => {
  expect(testedRaces().length).toBeGreaterThanOrEqual(4);
  for (const slug of testedRaces()) {
    const name = /^\d+$/.test(slug) ? `#${slug}` : slug;
    const { fails, passes, out } = wantedTest({ race: name, build: undefined }, {});
    expect(KNOWN_RACES.find((race) => race.name === name)?.trial).toMatchObject({
      has: expect.arrayContaining([fails.name]),
      has_not: passes.name,
    });
    expect(out).toBe(`pytest-${slug}`);
  }
});

test('it has what reviewers of Airflow ask for', () => {
  for (const slug of testedRaces()) {
    const text = textOf(slug);
    expect(text, slug).toMatch(/^# For airflow-core\/tests\/unit\/\S+\.py$/m);
    expect(text, slug).toMatch(/^# Where the race is, it fails with: \S.*$/m);
    expect(text, slug).toMatch(/pytest\.mark\.db_test/);
    expect(text, slug).toMatch(/create_session\(scoped=False\)/);
    expect(text, slug).not.toMatch(/\bsleep\(|\bnow\(|utcnow|Mock|#\d{4}/);
    expect(Math.max(...text.split('\n').map((line) => line.length)), slug).toBeLessThanOrEqual(110);
  }
});

test('a race without a test, and builds that pytest cannot run beside, are said', () => {
  expect(() => wantedTest({ race: 'not-followed', build: undefined }, {})).toThrow(
    /^The race not-followed has no pytest; these have one: 60330, .*\.$/,
  );
  expect(() => wantedTest({ race: '#63266', build: 'reference' }, {})).toThrow(/reference has none: name a release\.$/);
});
