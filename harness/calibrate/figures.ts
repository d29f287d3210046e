import {
  type AimFigures,
  CALIBRATION_FORMAT,
  type Calibration,
  type CalibrationFindings,
  type CalibrationRun,
  type CleanFigures,
  type DefectFigures,
  type Planted,
  type RemedyFigures,
} from '../model/calibration.ts';
import { median, wilson } from '../statistics/statistics.ts';

/** Where a calibration comes from; the figures follow from its runs. */
export type CalibrationHead = Omit<Calibration, 'format' | 'defects' | 'clean' | 'remedies' | 'runs'>;

export function calibrationOf(
  head: CalibrationHead,
  planted: readonly Planted[],
  runs: readonly CalibrationRun[],
): Calibration {
  const defects = planted.filter(({ caughtBy }) => caughtBy.length > 0);
  const cures = planted.filter(({ caughtBy }) => caughtBy.length === 0);
  const of = ({ name }: Planted) => runs.filter((run) => run.planted === name);
  const clean = runs.filter((run) => run.planted === null || cures.some(({ name }) => name === run.planted));
  return {
    format: CALIBRATION_FORMAT,
    ...head,
    defects: defects.map((defect) => defectFigures(defect, of(defect), head.settings.duration_s)),
    clean: cleanFigures(clean),
    remedies: cures.map((cure) => remedyFigures(cure, of(cure))),
    runs,
  };
}

function defectFigures(defect: Planted, all: readonly CalibrationRun[], durationS: number): DefectFigures {
  const runs = all.filter(({ result }) => result !== 'failed to run');
  const found = runs.filter(({ result }) => result === 'found');
  const moments = found.flatMap(({ first_violation_s }) => (first_violation_s === null ? [] : [first_violation_s]));
  const caught = countedRuns(found);
  const byName = found.filter(({ violations }) => defect.caughtBy.some((name) => name in violations));
  return {
    name: defect.name,
    race: defect.race,
    summary: defect.summary,
    scenario: defect.scenario,
    duration_s: Math.max(durationS, defect.durationS ?? 0),
    runs: runs.length,
    found: found.length,
    interval: rounded(wilson(found.length, runs.length)),
    median_first_violation_s: roundedTo(1, median(moments)),
    first_violation_s: moments.length === 0 ? null : { min: Math.min(...moments), max: Math.max(...moments) },
    caught_by: Object.keys(caught),
    caught_by_runs: caught,
    named: defect.caughtBy,
    found_by_name: byName.length,
    unknown: runs.filter(({ result, verdict }) => result === 'missed' && verdict === 'unknown').length,
    failed_to_run: all.length - runs.length,
  };
}

function cleanFigures(all: readonly CalibrationRun[]): CleanFigures {
  const runs = all.filter(({ result }) => result !== 'failed to run');
  const alarms = runs.filter(({ result }) => result === 'false alarm');
  return {
    runs: runs.length,
    false_alarms: alarms.length,
    interval: rounded(wilson(alarms.length, runs.length)),
    unknown: runs.filter(({ result, verdict }) => result === 'clean' && verdict === 'unknown').length,
    failed_to_run: all.length - runs.length,
    raised_by: countedRuns(alarms),
    ...aimsOf(runs),
  };
}

/** Nothing of results from before it was counted. */
function aimsOf(runs: readonly CalibrationRun[]): { readonly aims?: AimFigures } {
  const counted = runs.filter((run) => run.aims !== undefined);
  if (counted.length === 0) return {};
  const unknown = counted.map((run) => run.unknown_aims ?? []);
  return {
    aims: {
      judged: counted.reduce((sum, { aims = 0 }) => sum + aims, 0),
      unknown: unknown.flat().length,
      unknown_by: countedNames(unknown),
    },
  };
}

function remedyFigures({ name, summary }: Planted, all: readonly CalibrationRun[]): RemedyFigures {
  const runs = all.filter(({ result }) => result !== 'failed to run');
  return { name, summary, runs: runs.length, false_alarms: runs.filter((run) => run.result === 'false alarm').length };
}

/** In how many runs each invariant was broken, the most frequent first. */
function countedRuns(runs: readonly CalibrationRun[]): Record<string, number> {
  return countedNames(runs.map(({ violations }) => Object.keys(violations)));
}

function countedNames(runs: readonly (readonly string[])[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const name of runs.flat()) counts.set(name, (counts.get(name) ?? 0) + 1);
  return Object.fromEntries([...counts].sort(([a, n], [b, m]) => m - n || a.localeCompare(b)));
}

function rounded(interval: readonly [number, number] | null): readonly [number, number] | null {
  return interval && [Number(interval[0].toFixed(4)), Number(interval[1].toFixed(4))];
}

function roundedTo(digits: number, value: number | null): number | null {
  return value === null ? null : Number(value.toFixed(digits));
}

/** Of what clean loads aim at: more than that, and they show too little. */
const MOST_UNKNOWN = 0.1;

/** Every defect must be found at least once, and no clean run may fail, nor say little. */
export function findingsOf({ defects, clean }: Calibration): CalibrationFindings {
  const measured = defects.filter(({ runs }) => runs > 0);
  const missed = measured.filter(({ found }) => found === 0);
  const { judged, unknown } = clean.aims ?? { judged: 0, unknown: 0 };
  const saysLittle = unknown > MOST_UNKNOWN * judged;
  const names = (some: readonly DefectFigures[]) => some.map(({ name }) => name);
  return {
    missed: names(missed),
    notByName: names(measured.filter(({ found, found_by_name }) => found_by_name < found)),
    unmeasured: [
      ...names(defects.filter(({ runs, failed_to_run }) => runs === 0 && failed_to_run > 0)),
      ...(clean.runs === 0 && clean.failed_to_run > 0 ? ['clean builds'] : []),
    ],
    falseAlarms: clean.false_alarms,
    saysLittle,
    bad: clean.false_alarms > 0 || missed.length > 0 || saysLittle,
  };
}

/** The newest measurement of each defect with at least so many runs: a quick try of one does not replace it. */
export function newestFigures(kept: readonly Calibration[], leastRuns: number): ReadonlyMap<string, NewestFigures> {
  const newest = new Map<string, NewestFigures>();
  for (const calibration of [...kept].sort((a, b) => a.started_at.localeCompare(b.started_at))) {
    for (const figures of calibration.defects) {
      if (figures.runs >= leastRuns) newest.set(figures.name, { figures, calibration });
    }
  }
  return newest;
}

export interface NewestFigures {
  readonly figures: DefectFigures;
  readonly calibration: Calibration;
}
