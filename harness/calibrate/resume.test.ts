import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { calibration, calibrationHead } from '../testing/calibration-fixture.ts';
import { resumedFrom } from './resume.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'windtunnel-resume-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function kept(over: Parameters<typeof calibration>[0]): string {
  const file = path.join(folder, 'result.json');
  writeFileSync(file, JSON.stringify(calibration(over)));
  return file;
}

const settings = { seed: 7, jobs: 2, runs: 0, clean: 40, duration_s: 60, faults: 'all', defects: ['rtif-merge'] };

test('a calibration continues with the plan that it had, at another pace if one is given', () => {
  const file = kept({ complete: false, settings });
  const resumed = resumedFrom({ jobs: 3 }, file, calibrationHead().commit);
  expect(resumed.file).toBe(file);
  expect(resumed.begun.runs.length).toBeGreaterThan(0);
  expect(resumed.settings).toMatchObject({ seed: 7, jobs: 3, runs: 0, clean: 40, durationS: 60, faults: 'all' });
  expect(resumed.settings.planted.map(({ name }) => name)).toEqual(['rtif-merge']);
});

test('all that keeps a calibration from going on is said at once', () => {
  const file = kept({ complete: false, settings });
  expect(() => resumedFrom({ seed: 1, out: 'b.json' }, file, 'another')).toThrow(
    /cannot be given with --seed, --out.\n.*measured at 3e074a0, and this is another/,
  );
});

test('a complete calibration, and what is none, cannot go on', () => {
  const { commit } = calibrationHead();
  expect(() => resumedFrom({}, kept({ settings }), commit)).toThrow(/is complete: nothing is left to run/);
  expect(() => resumedFrom({}, path.join(folder, 'none.json'), commit)).toThrow(/does not exist/);
  writeFileSync(path.join(folder, 'other.json'), '{}');
  expect(() => resumedFrom({}, path.join(folder, 'other.json'), commit)).toThrow(/not the result of a calibration/);
});
