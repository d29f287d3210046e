import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { describe, expect, test } from 'vitest';
import { newestFigures } from '../harness/calibrate/figures.ts';
import { readKept } from '../harness/calibrate/results.ts';
import { listInvariants } from '../harness/judge/invariants.ts';
import { REFERENCE_DEFECTS } from '../harness/stacks/defects.ts';
import { currentResults, LEAST_RUNS, withFigures } from '../scripts/docs-calibration.ts';

/** Seeds of false alarms with a known cause; docs/calibration.md says which, and what was fixed. */
const EXPLAINED = [52_013, 7_106, 7_109, 7_201, 7_204, 7_406];

/** The document, the catalogue of defects and the kept results say the same. */

const root = path.join(import.meta.dirname, '..');
const kept = await readKept(path.join(root, 'records', 'calibration'));
const invariants = await listInvariants();
const caught = REFERENCE_DEFECTS.filter(({ caughtBy }) => caughtBy.length > 0);

describe('who catches what', () => {
  test('every defect names at least one invariant, and every invariant is named by at least one defect', () => {
    const named = new Set(REFERENCE_DEFECTS.flatMap(({ caughtBy }) => caughtBy));
    expect(
      REFERENCE_DEFECTS.filter((one) => one.kind === 'defect' && one.caughtBy.length === 0).map(({ name }) => name),
    ).toEqual([]);
    expect(invariants.filter(({ name }) => !named.has(name)).map(({ name }) => name)).toEqual([]);
  });
});

// Until a first result is kept there is nothing to hold them against.
describe.skipIf(kept.length === 0)('the kept results', () => {
  test('every invariant has caught a defect that names it, and every defect was found by its first', () => {
    const measured = newestFigures(kept, LEAST_RUNS);
    const never = invariants.filter(
      ({ name }) =>
        !caught.some((one) => one.caughtBy.includes(name) && measured.get(one.name)?.figures.caught_by_runs[name]),
    );
    const blind = caught.filter(
      ({ name, caughtBy: [first = ''] }) => !measured.get(name)?.figures.caught_by_runs[first],
    );
    expect({ never: never.map(({ name }) => name), blind: blind.map(({ name }) => name) }).toEqual({
      never: [],
      blind: [],
    });
  });

  test('a known race is found in 19 of 20 runs of half a minute, every other defect in 9 of 10', () => {
    const weak = [...newestFigures(kept, LEAST_RUNS).values()]
      .filter(({ figures: { name } }) => caught.some((one) => one.name === name))
      .filter(({ figures: { race, found_by_name, runs } }) => found_by_name / runs < (race === null ? 0.9 : 0.95))
      .map(({ figures: { name, found_by_name, runs } }) => `${name}: ${found_by_name} of ${runs}`);
    expect(weak).toEqual([]);
  });

  test('the clean stack has no other false alarm, in fifty runs of half a minute and more', () => {
    const clean = currentResults(kept)
      .flatMap(({ runs }) => runs)
      .filter(
        ({ build, duration_s, result }) => build === 'reference' && duration_s >= 30 && result !== 'failed to run',
      );
    expect(clean.length).toBeGreaterThanOrEqual(50);
    const alarms = clean.filter(({ result }) => result === 'false alarm').map(({ seed }) => seed);
    expect(alarms.filter((seed) => !EXPLAINED.includes(seed))).toEqual([]);
  });
});

test('docs/calibration.md has the figures of the kept results: npm run calibration-docs writes them', async () => {
  const document = await readFile(path.join(root, 'docs', 'calibration.md'), 'utf8');
  expect(document).toBe(withFigures(document, { planted: REFERENCE_DEFECTS, invariants, kept }));
});
