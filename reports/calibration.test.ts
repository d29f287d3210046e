import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { describe, expect, test } from 'vitest';
import { calibrationOf, findingsOf, newestFigures } from '../harness/calibrate/figures.ts';
import {
  calibration,
  calibrationHead,
  calibrationHistory,
  calibrationRun,
  calibrationRuns,
  foundRun,
  PLANTED,
  planted,
} from '../harness/testing/calibration-fixture.ts';
import { HOSTILE } from '../harness/testing/fixture.ts';
import { aimsText } from './calibration.ts';
import { calibrationText } from './terminal/calibration.ts';
import { writeCalibration } from './write.ts';

const figures = (name: string, from = calibration()) => from.defects.find((one) => one.name === name);

describe('the figures of a defect', () => {
  test('are the runs that came to a verdict: found, Wilson’s interval, and the times of its own invariants', () => {
    expect(figures('lock-order')).toMatchObject({
      runs: 20,
      found: 19,
      interval: [0.7639, 0.9911],
      median_first_violation_s: 11,
      first_violation_s: { min: 2, max: 20 },
      caught_by: ['no-deadlocks', 'error-contract'],
      caught_by_runs: { 'no-deadlocks': 19, 'error-contract': 9 },
      found_by_name: 19,
      unknown: 1,
    });
  });

  test('do not count a run that failed to run', () => {
    expect(figures('silent')).toMatchObject({ runs: 3, found: 0, failed_to_run: 1, median_first_violation_s: null });
  });

  test('say when it was found by an invariant that its file does not name', () => {
    expect(figures('late-report')).toMatchObject({ runs: 10, found: 10, found_by_name: 6 });
    expect(findingsOf(calibration()).notByName).toEqual(['late-report']);
  });
});

describe('clean builds', () => {
  test('count the cures among them', () => {
    const { clean, remedies } = calibration();
    expect(clean).toMatchObject({ runs: 35, false_alarms: 1, raised_by: { 'one-live-attempt': 1 } });
    expect(remedies).toMatchObject([{ name: 'skip-remedy', runs: 4, false_alarms: 0 }]);
  });

  test.each([
    [1, false],
    [2, true],
  ])('that say nothing about %i of ten aims: too little is %s', (unknown, saysLittle) => {
    const unknown_aims = ['no-deadlocks', 'error-contract'].slice(0, unknown);
    const runs = [calibrationRun({ aims: 4, unknown_aims }), calibrationRun({ aims: 6, unknown_aims: [] })];
    const measured = calibrationOf(calibrationHead(), [], runs);
    expect(measured.clean.aims).toMatchObject({ judged: 10, unknown });
    expect(findingsOf(measured)).toMatchObject({ saysLittle, bad: saysLittle });
    expect(aimsText(measured.clean)[0]).toMatch(`of 10 invariants that clean loads aim at, ${unknown} unknown`);
  });

  test('of results that did not count their aims say nothing about them', () => {
    expect(aimsText(calibration().clean)).toEqual([]);
    expect(findingsOf(calibration()).saysLittle).toBe(false);
  });

  test('a cure that breaks something is a false alarm, by name as well', () => {
    const alarm = calibrationRun({ planted: 'skip-remedy', result: 'false alarm', violations: { 'no-deadlocks': 1 } });
    const { clean, remedies } = calibrationOf(calibrationHead(), PLANTED, [alarm]);
    expect({ clean, remedies }).toMatchObject({ clean: { false_alarms: 1 }, remedies: [{ false_alarms: 1 }] });
  });
});

describe('what is not as it should be', () => {
  const runs = calibrationRuns().filter(({ result }) => result !== 'false alarm');
  const quiet = calibration({}, runs);

  test('every defect must be found at least once, and no clean run may fail', () => {
    expect(findingsOf(quiet)).toMatchObject({ missed: ['silent'], bad: true });
    const all = runs.filter((run) => run.planted !== 'silent');
    expect(findingsOf(calibration({}, all)).bad).toBe(false);
    expect(findingsOf(calibration({}, calibrationRuns()))).toMatchObject({ falseAlarms: 1, bad: true });
  });

  test('a defect that could not be run is not a miss', () => {
    const failed = calibrationRun({ planted: 'silent', result: 'failed to run', verdict: null });
    const findings = findingsOf(calibrationOf(calibrationHead(), [planted('silent')], [failed]));
    expect(findings).toMatchObject({ missed: [], unmeasured: ['silent'], bad: false });
    const all = calibrationOf(calibrationHead(), [planted('silent')], [failed]);
    expect(calibrationText(all, findings, { color: false, file: 'x' })).toMatch(/NOT MEASURED\n.*not be run: silent$/);
  });
});

describe('the past', () => {
  test('gives each defect its newest figures that rest on enough runs', () => {
    const newest = newestFigures(
      [calibration({}, [foundRun('silent', 1, 'error-contract')]), ...calibrationHistory()],
      10,
    );
    expect(newest.get('lock-order')?.calibration.started_at).toBe('2026-11-12T01:00:00.000Z');
    expect(newest.get('silent')).toBeUndefined();
  });
});

test('what is kept is the whole document, a line a run', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'windtunnel-calibration-'));
  try {
    for (const one of [calibration(), calibration({}, [])]) {
      await writeCalibration(path.join(folder, 'kept.json'), one);
      const text = await readFile(path.join(folder, 'kept.json'), 'utf8');
      expect(JSON.parse(text)).toEqual(one);
      expect(text.split('\n').filter((line) => line.startsWith('    {"build":'))).toHaveLength(one.runs.length);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

describe('what people read', () => {
  const all = calibration();
  const findings = findingsOf(all);

  test('the terminal has the worst first, and the answer in its last lines', () => {
    const lines = calibrationText(all, findings, { color: false, file: 'records/calibration/x.json' }).split('\n');
    expect(lines[1]).toMatch(/^✗ silent +0 of 3 +0–56 % +–$/);
    expect(lines[2]).toMatch(/^~ lock-order +19 of 20 +76–99 % +11 s \(2\.0–20\.0\) +no-deadlocks 19$/);
    expect(lines.at(-2)).toBe('NOT AS EXPECTED');
    expect(lines.at(-1)).toMatch(/^3 of 4 defects found, 2 of them in every run; 1 false alarm in 35 clean runs/);
    expect(lines.slice(0, 5).filter((line) => line.length > 100)).toEqual([]);
  });

  test('the runs to look at are named', () => {
    const text = calibrationText(all, findings, { color: false, file: 'x.json' });
    expect(text).toContain('runs/20261121-100000-calibrate/77-reference');
    expect(text).toContain('failed to run');
  });

  test('an interrupted one says so', () => {
    const half = calibration({ complete: false }, calibrationRuns().slice(0, 5));
    expect(calibrationText(half, findingsOf(half), { color: false, file: 'x' })).toMatch(
      /INTERRUPTED\ninterrupted; so far 1 of 1 defect found, in every run; no clean run$/,
    );
  });

  test('no text from a run becomes an escape sequence, and nothing is not NaN', () => {
    const bad = [
      calibrationRun({ planted: HOSTILE, result: 'missed', folder: HOSTILE, doubts: [HOSTILE] }),
      foundRun(HOSTILE, 1, HOSTILE),
      calibrationRun({ scenario: HOSTILE, result: 'failed to run', failure: HOSTILE }),
    ];
    const hostile = calibrationOf(calibrationHead({ commit: HOSTILE }), [planted(HOSTILE, { summary: HOSTILE })], bad);
    const empty = calibrationOf(calibrationHead(), [], []);
    for (const one of [hostile, empty]) {
      const screen = calibrationText(one, findingsOf(one), { color: false, file: 'x' });
      expect(screen).not.toMatch(/NaN|Infinity|undefined/);
      expect(screen).not.toContain('\u001b');
    }
  });
});
