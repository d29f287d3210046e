import { expect, test } from 'vitest';

import { knownEntry, LOCKED, observation, observedFinding, skipping } from '../testing/known-fixture.ts';
import { knownText, parseKnown } from './file.ts';
import { mergeKnown, NO_FINDINGS } from './merge.ts';
import type { Observation } from './observation.ts';

const batches = (...runs: Observation[]) => runs.map((run) => ({ id: run.id, runs: [run] }));
const night = (day: number, id = '1') => ({ night: `2026-11-${day}`, id: `2026-11-${day}-${id}` });

test('a file of some runs: since when, in how many, on which builds, and the highest rate of a scenario', () => {
  const { file } = mergeKnown(
    NO_FINDINGS,
    batches(
      skipping(9, night(22)),
      skipping(4, night(20)),
      skipping(50, { ...night(21), valid: false }),
      skipping(5, { ...night(21, '2'), load_s: 30, scenario: 'storm', version: '3.2.1' }),
      observation({ ...night(23), version: '3.2.2' }),
    ),
  );
  expect(file.findings).toEqual([
    knownEntry({
      runs: 4,
      builds: ['airflow@3.1.8..3.2.1'],
      last_seen: '2026-11-22',
      highest: [
        { scenario: 'seeds', occurrences: 9, load_s: 60 },
        { scenario: 'storm', occurrences: 5, load_s: 30 },
      ],
    }),
  ]);
  expect(file.sources.map(({ id, build, runs }) => [id, build, runs])).toEqual([
    ['2026-11-20-1', 'airflow@3.1.8', 1],
    ['2026-11-21-1', 'airflow@3.1.8', 1],
    ['2026-11-21-2', 'airflow@3.2.1', 1],
    ['2026-11-22-1', 'airflow@3.1.8', 1],
    ['2026-11-23-1', 'airflow@3.2.2', 1],
  ]);
});

test('the same runs again change nothing, also with others', () => {
  const runs = batches(skipping(9, night(20)), observation(night(21)));
  const once = mergeKnown(NO_FINDINGS, runs).file;
  const again = mergeKnown(once, [...runs, ...batches(skipping(2, night(22)))]);
  expect(again.repeated).toEqual(['2026-11-20-1', '2026-11-21-1']);
  expect(again.file.findings[0]).toMatchObject({ runs: 2, last_seen: '2026-11-22', absent: [] });
  expect(mergeKnown(again.file, runs).file).toEqual(again.file);
});

test('what people wrote stays: a name, a note, a wider range of builds', () => {
  const entry = knownEntry({ name: 'ours', note: 'until 3.3.0', builds: ['airflow@3.1.0..'], expires_after: 9 });
  const file = { ...NO_FINDINGS, findings: [entry] };
  const [after] = mergeKnown(file, batches(skipping(4, { ...night(24), version: '3.2.1' }))).file.findings;
  expect(after).toEqual({ ...entry, runs: 4, last_seen: '2026-11-24' });
});

test('an entry expires after so many nights that exercised it, whichever way they are given', () => {
  const nights = [21, 22, 23].map((day) => observation(night(day)));
  const file = { ...NO_FINDINGS, expires_after: 3, findings: [knownEntry()] };
  const two = mergeKnown(file, batches(...nights.slice(0, 2)));
  expect(two.file.findings).toMatchObject([{ absent: ['2026-11-21', '2026-11-22'] }]);
  const three = mergeKnown(two.file, batches(...nights.slice(2)));
  expect([three.file.findings, three.expired.map(({ name }) => name)]).toEqual([[], ['#63266']]);
  expect(mergeKnown(file, batches(...nights)).expired).toHaveLength(1);
  const seen = mergeKnown(two.file, batches(skipping(1, night(23))));
  expect(seen.file.findings).toMatchObject([{ absent: [], last_seen: '2026-11-23' }]);
  // Two runs of one night are one night.
  const twice = mergeKnown(file, batches(observation(night(21)), observation(night(21, '2'))));
  expect(twice.file.findings).toMatchObject([{ absent: ['2026-11-21'] }]);
});

test('the windows of a soak are one source and many runs', () => {
  const windows = [skipping(2), observation(), skipping(3)];
  const { file } = mergeKnown(NO_FINDINGS, [{ id: 'soak-1', runs: windows }]);
  expect(file.findings).toMatchObject([{ runs: 2, highest: [{ occurrences: 3 }] }]);
  expect(file.sources).toMatchObject([{ id: 'soak-1', runs: 3, load_s: 180 }]);
});

test('the text is read as what was written, in one order, whatever the order of the runs', () => {
  const locked = observedFinding({
    fingerprint: '12345678',
    title: 'A "deadlock": 1 × 2 # no',
    known_race: null,
    marks: [LOCKED],
  });
  const runs = batches(skipping(2, night(20)), observation({ ...night(21), findings: [locked, observedFinding()] }));
  const { file } = mergeKnown(NO_FINDINGS, runs);
  const text = knownText(file);
  expect(parseKnown('known.yaml', text)).toEqual(file);
  expect(knownText(mergeKnown(NO_FINDINGS, runs.toReversed()).file)).toBe(text);
  expect(text).toContain('    runs: 2 # of 2\n');
  expect(parseKnown('known.yaml', knownText(NO_FINDINGS))).toEqual(NO_FINDINGS);
});

test('a run that is under way or was killed adds nothing', () => {
  const { file, unfinished } = mergeKnown(NO_FINDINGS, batches({ ...skipping(9), whole: false }));
  expect([file, unfinished]).toEqual([NO_FINDINGS, ['2026-11-20-1']]);
});
