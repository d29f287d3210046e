import { readFileSync } from 'node:fs';
import path from 'node:path';

import { expect, test } from 'vitest';

import { KNOWN_RACES } from '../harness/races/index.ts';
import { judgement } from '../harness/testing/fixture.ts';
import { finding } from '../harness/testing/fixture-finding.ts';
import { type TrackRun, trackRecordMarkdown, trackRun, withRuns } from './track-record-page.ts';

const RUN: TrackRun = {
  race: '#63266',
  build: 'airflow@3.1.8',
  scenario: 'race-63266',
  seed: 1,
  load_seconds: 30,
  hits: 6,
  tested: true,
  repeat: 'windtunnel run race-63266 --build airflow@3.1.8 --seed 1',
  commit: 'abc1234',
  at: '2026-11-21T10:00:00Z',
};

test('the page has the figures of the kept runs', () => {
  const read = (file: string) => readFileSync(path.join(import.meta.dirname, '..', 'records', file), 'utf8');
  const kept: TrackRun[] = JSON.parse(read('track-record/runs.json'));
  expect(kept.length).toBeGreaterThan(0);
  expect(kept.filter(({ race }) => !KNOWN_RACES.some(({ name }) => name === race))).toEqual([]);
  // If this fails: npm run track-record
  expect(read('track-record.md')).toBe(trackRecordMarkdown(kept));
});

test('rates are per minute of load over all runs; a build without hits differs from one not exercised', () => {
  const page = trackRecordMarkdown([
    RUN,
    { ...RUN, seed: 2, hits: 0 },
    { ...RUN, seed: 3, hits: 3, at: '2026-11-22T10:00:00Z', commit: 'def5678' },
    { ...RUN, build: 'airflow@3.2.1', hits: 0 },
    { ...RUN, build: 'airflow@3.10.1', hits: 0, tested: false },
  ]);
  expect(page).toContain(
    '| airflow@3.1.8 | yes | 0.0 / 6.0 / 12.0 | hit in 2 of 3 |\n' +
      '| airflow@3.2.1 | not seen | 0 | 1 of 1 exercised it |\n' +
      '| airflow@3.10.1 | unknown | 0 | 0 of 1 exercised it |\n',
  );
  expect(page).toContain('Repeat: `windtunnel run race-63266 --build airflow@3.1.8 --seed 1`');
  expect(page).toContain('Last reproduced 2026-11-22 at `def5678`.');
  expect(page).toContain('Not measured yet.');
});

test('the hits of a run are the occurrences of the findings that are the race', () => {
  const race = KNOWN_RACES.find(({ name }) => name === '#63266');
  if (!race) throw new Error('#63266 is known');
  const other = finding({ known_race: null, occurrences: 99 });
  const from = { repeat: 'windtunnel run x', commit: 'abc1234', at: '2026-11-21T10:00:00Z' };
  expect(trackRun(judgement({ findings: [finding(), other] }), race, from)).toMatchObject({ hits: 4, tested: true });
  expect(trackRun(judgement({ findings: [other], invariants: [] }), race, from)).toMatchObject({
    hits: 0,
    tested: false,
  });
});

test('a repeated run replaces the one before', () => {
  const again = { ...RUN, hits: 1 };
  expect(withRuns([RUN, { ...RUN, seed: 2 }], [again]).map(({ seed, hits }) => [seed, hits])).toEqual([
    [1, 1],
    [2, 6],
  ]);
});
