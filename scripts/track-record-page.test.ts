import { readFileSync } from 'node:fs';
import path from 'node:path';

import { expect, test } from 'vitest';

import type { ReplayedFile } from '../harness/model/replay.ts';
import { KNOWN_RACES } from '../harness/races/index.ts';
import { judgement } from '../harness/testing/fixture.ts';
import { finding } from '../harness/testing/fixture-finding.ts';
import {
  type ForcedRun,
  forcedRun,
  type TrackRun,
  trackRecordMarkdown,
  trackRun,
  withForced,
  withRuns,
} from './track-record-page.ts';

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

const FORCED: ForcedRun = {
  ...{ race: '#63266', build: 'airflow@3.1.8', times: 20, broken: 20, held: 0, excluded: 0, not_reached: 0 },
  ...{ controls: 3, controls_broken: 0, seconds: 3.8, commit: 'abc1234', at: '2026-11-30T20:00:00Z' },
  repeat: 'windtunnel replay 63266 --build airflow@3.1.8 --times 20',
};

test('what is kept of a replay names no place of the machine, and the newest of each race and build is kept', () => {
  const file: ReplayedFile = {
    ...{ race: '#63266', title: 'x', file: '/home/me/63266.race.yaml', build: 'airflow@3.1.8', outcome: 'broken' },
    ...{ counts: { broken: 19, 'not-reached': 1 }, times: 20, wanted: 20, seconds: 3.82, why: null },
    ...{ steps: [], others: [] },
    controls: [
      { kind: 'without-holds', times: 3, broken: 1 },
      { kind: 'hold-alone', times: 3, broken: 0 },
    ],
    run: '/home/me/runs/63266',
  };
  const run = forcedRun(file, '63266', { commit: 'def5678', at: '2026-12-01T00:00:00Z' });
  expect(JSON.stringify(run)).not.toContain('/home');
  expect(run).toMatchObject({ broken: 19, held: 0, not_reached: 1, controls: 6, controls_broken: 1, seconds: 3.8 });
  const other = { ...FORCED, build: 'airflow@3.2.1' };
  expect(withForced([FORCED, other], [run])).toEqual([run, other]);
});

test('the page has the figures of the kept runs', () => {
  const read = (file: string) => readFileSync(path.join(import.meta.dirname, '..', 'records', file), 'utf8');
  const kept: TrackRun[] = JSON.parse(read('track-record/runs.json'));
  const forced: ForcedRun[] = JSON.parse(read('track-record/forced.json'));
  expect(kept.length).toBeGreaterThan(0);
  expect([...kept, ...forced].filter(({ race }) => !KNOWN_RACES.some(({ name }) => name === race))).toEqual([]);
  // If this fails: npm run track-record
  expect(read('track-record.md')).toBe(trackRecordMarkdown(kept, forced));
});

test('rates are per minute of load over all runs; a build without hits differs from one not exercised', () => {
  const page = trackRecordMarkdown(
    [
      RUN,
      { ...RUN, seed: 2, hits: 0 },
      { ...RUN, seed: 3, hits: 3, at: '2026-11-22T10:00:00Z', commit: 'def5678' },
      { ...RUN, build: 'airflow@3.2.1', hits: 0 },
      { ...RUN, build: 'airflow@3.10.1', hits: 0, tested: false },
    ],
    [
      FORCED,
      { ...FORCED, build: 'airflow@3.2.1', broken: 0, excluded: 19, not_reached: 1 },
      { ...FORCED, build: 'airflow@3.3.2', seconds: null },
    ],
  );
  expect(page).toContain(
    '| airflow@3.1.8 | yes | 0.0 / 6.0 / 12.0 | hit in 2 of 3 | 20 of 20, 3.8 s |\n' +
      '| airflow@3.2.1 | not seen | 0 | 1 of 1 exercised it | 0 of 20, 3.8 s, excluded 19, not reached 1 |\n' +
      '| airflow@3.3.2 | yes |  |  | 20 of 20 |\n' +
      '| airflow@3.10.1 | unknown | 0 | 0 of 1 exercised it |  |\n',
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
