import { type CalibrationHead, calibrationOf } from '../calibrate/figures.ts';
import type { Calibration, CalibrationRun, Planted } from '../model/calibration.ts';

/** Literal calibrations for the tests of every format. */

export function planted(name: string, over: Partial<Planted> = {}): Planted {
  return {
    name,
    kind: 'defect',
    race: null,
    summary: `what ${name} does wrong, in a sentence that says to whom it happens`,
    caughtBy: ['no-deadlocks'],
    scenario: 'seeds',
    ...over,
  };
}

export function calibrationRun(over: Partial<CalibrationRun> = {}): CalibrationRun {
  return {
    build: over.planted ? `reference+${over.planted}` : 'reference',
    planted: null,
    scenario: 'seeds',
    schedulers: 2,
    duration_s: 30,
    seed: 1,
    result: 'clean',
    verdict: 'pass',
    violations: {},
    first_violation_s: null,
    doubts: [],
    harness_cpu_share: 0.041,
    tries: 1,
    failure: null,
    folder: null,
    ...over,
  };
}

export function foundRun(name: string, first: number | null, ...invariants: string[]): CalibrationRun {
  return calibrationRun({
    planted: name,
    result: 'found',
    verdict: 'fail',
    violations: Object.fromEntries(invariants.map((one, index) => [one, index + 2])),
    first_violation_s: first,
  });
}

export function calibrationHead(over: Partial<CalibrationHead> = {}): CalibrationHead {
  return {
    started_at: '2026-11-21T10:00:00.000Z',
    ended_at: '2026-11-21T12:05:00.000Z',
    complete: true,
    windtunnel: '0.1.0',
    commit: '3e074a0',
    node: 'v22.14.0',
    machine: { platform: 'linux', arch: 'x64', cpus: 2 },
    settings: { seed: 1001, jobs: 1, runs: 20, duration_s: 30, defects: null },
    ...over,
  };
}

export const PLANTED: readonly Planted[] = [
  planted('skip-unguarded', {
    race: '#63266',
    caughtBy: ['running-is-not-overwritten', 'a-started-life-owns-its-task'],
    summary: 'a branch skip overwrites tasks that are running',
  }),
  planted('lock-order', { race: '#66734', summary: 'the API server locks the run first, the scheduler its tasks' }),
  planted('late-report', { caughtBy: ['acknowledged-is-durable'], scenario: 'mishaps' }),
  planted('silent', { caughtBy: ['error-contract'] }),
  planted('skip-remedy', {
    kind: 'remedy',
    race: '#63266',
    caughtBy: [],
    summary: 'the skip looks at the state first',
  }),
];

/** Always, nearly always, sometimes and by another name, never; a cure; a false alarm with three schedulers. */
export function calibrationRuns(): CalibrationRun[] {
  const times = <T>(count: number, of: (index: number) => T) => Array.from({ length: count }, (_, index) => of(index));
  const missed = (name: string, over: Partial<CalibrationRun> = {}) =>
    calibrationRun({ planted: name, result: 'missed', folder: `runs/20261121-100000-calibrate/${name}`, ...over });
  return [
    ...times(20, (i) => foundRun('skip-unguarded', 1 + i / 10, 'running-is-not-overwritten', 'error-contract')),
    ...times(19, (i) => foundRun('lock-order', 2 + i, 'no-deadlocks', ...(i % 2 ? ['error-contract'] : []))),
    missed('lock-order', { verdict: 'unknown', doubts: ['fleet-kept-pace'], seed: 1040 }),
    ...times(4, () => foundRun('late-report', null, 'one-live-attempt')),
    ...times(6, () => foundRun('late-report', 12.4, 'acknowledged-is-durable')),
    ...times(3, (seed) => missed('silent', { seed })),
    calibrationRun({ planted: 'silent', result: 'failed to run', verdict: null, failure: 'no free port', tries: 2 }),
    ...times(4, () => calibrationRun({ planted: 'skip-remedy' })),
    ...times(30, (i) => calibrationRun({ schedulers: 1 + (i % 3), scenario: i % 4 === 0 ? 'mishaps' : 'seeds' })),
    calibrationRun({
      schedulers: 3,
      result: 'false alarm',
      verdict: 'fail',
      violations: { 'one-live-attempt': 1 },
      folder: 'runs/20261121-100000-calibrate/77-reference',
    }),
  ];
}

export function calibration(over: Partial<CalibrationHead> = {}, runs = calibrationRuns()): Calibration {
  return calibrationOf(calibrationHead(over), PLANTED, runs);
}

/** A dozen nights before it: `silent` was found until the tenth, one night was interrupted. */
export function calibrationHistory(): Calibration[] {
  return Array.from({ length: 12 }, (_, night) => {
    const day = String(night + 1).padStart(2, '0');
    const runs = calibrationRuns().map((run, index) => {
      if (run.planted !== 'silent' || night >= 10) return run;
      return index % 2 === night % 2 ? foundRun('silent', 9, 'error-contract') : run;
    });
    return calibration(
      { started_at: `2026-11-${day}T01:00:00.000Z`, ended_at: `2026-11-${day}T03:00:00.000Z`, complete: night !== 4 },
      night === 4 ? runs.slice(0, 30) : runs,
    );
  });
}
