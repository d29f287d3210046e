import type {
  Calibration,
  CalibrationFindings,
  CalibrationRun,
  CleanFigures,
  DefectFigures,
} from '../harness/model/calibration.ts';
import type { Verdict } from '../harness/model/verdict.ts';
import { count, counted, listed, seconds, some } from './words.ts';

/** What every format of a calibration says in the same words. */

/** `19 of 20`. */
export function foundText({ found, runs }: Pick<DefectFigures, 'found' | 'runs'>): string {
  return runs === 0 ? 'not run' : `${count(found)} of ${count(runs)}`;
}

/** `76–99 %`. */
export function intervalOf(interval: readonly [number, number] | null): string {
  if (interval === null) return '–';
  const [low, high] = interval.map((end) => Math.round(end * 100));
  return `${low}–${high} %`;
}

/** `2.1 s (0.5–9.4)`: the median, and the least and the most in brackets. */
export function firstText({ median_first_violation_s, first_violation_s }: DefectFigures): string {
  if (median_first_violation_s === null || first_violation_s === null) return '–';
  const { min, max } = first_violation_s;
  return `${seconds(median_first_violation_s)} (${min.toFixed(1)}–${max.toFixed(1)})`;
}

/** The named as their file has them, then the rest; in how many runs each was broken, if not in all. */
export function catchersOf(
  figures: DefectFigures,
): { readonly name: string; readonly share: string; named: boolean }[] {
  const catchers = figures.caught_by.map((name) => {
    const runs = figures.caught_by_runs[name] ?? 0;
    return { name, share: runs === figures.runs ? '' : count(runs), named: figures.named.includes(name) };
  });
  const place = ({ name, named }: (typeof catchers)[number]) =>
    named ? figures.named.indexOf(name) : figures.named.length;
  return catchers.sort((a, b) => place(a) - place(b));
}

/** The answer in a word or three, and its colour. What was not measured is never as expected. */
export function answerOf(
  { complete }: Calibration,
  { bad, unmeasured }: CalibrationFindings,
): { readonly word: string; readonly verdict: Verdict } {
  if (!complete) return { word: 'interrupted', verdict: 'unknown' };
  if (bad) return { word: 'not as expected', verdict: 'fail' };
  if (unmeasured.length > 0) return { word: 'not measured', verdict: 'unknown' };
  return { word: 'as expected', verdict: 'pass' };
}

/** What a reader must know before the table, in one or two sentences. */
export function calibrationSentence(calibration: Calibration, findings: CalibrationFindings): string {
  const { defects, clean, complete } = calibration;
  const measured = defects.filter(({ runs }) => runs > 0);
  const found = measured.filter((one) => one.found > 0);
  const always = measured.filter((one) => one.found === one.runs);
  const parts: string[] = [];
  if (!complete) parts.push('interrupted; so far');
  if (measured.length > 0) {
    const steadily = always.length === found.length ? 'in every run' : `${count(always.length)} of them in every run`;
    parts.push(`${count(found.length)} of ${counted(measured.length, 'defect')} found, ${steadily}`);
  }
  parts.push(cleanText(clean.runs, clean.false_alarms));
  const missed = findings.missed.length > 0 ? [`never found: ${some(findings.missed, 5)}`] : [];
  const without = findings.unmeasured.length > 0 ? [`could not be run: ${some(findings.unmeasured, 5)}`] : [];
  const little = findings.saysLittle ? ['clean runs say too little'] : [];
  return [...parts, ...missed, ...without, ...little].join('; ').replace('so far; ', 'so far ');
}

export function cleanText(runs: number, falseAlarms: number): string {
  if (runs === 0) return 'no clean run';
  const alarms = falseAlarms === 0 ? 'no false alarm' : counted(falseAlarms, 'false alarm');
  return `${alarms} in ${counted(runs, 'clean run')}`;
}

/** What is worth a look although it fails nothing. */
export function remarksOf(calibration: Calibration, findings: CalibrationFindings): string[] {
  const unknown = calibration.defects.filter((one) => one.unknown > 0);
  const silent = calibration.defects
    .filter(({ found }) => found > 0)
    .flatMap(({ name, named, caught_by }) =>
      named.filter((one) => !caught_by.includes(one)).map((one) => `${one} (${name})`),
    );
  const failed = calibration.defects.filter((one) => one.failed_to_run > 0);
  const failedRuns = failed.reduce((sum, one) => sum + one.failed_to_run, calibration.clean.failed_to_run);
  return [
    ...(findings.notByName.length > 0
      ? [`found, but not always by an invariant that its file names: ${listed(findings.notByName)}`]
      : []),
    ...(silent.length > 0 ? [`named, but never broken: ${listed(silent)}`] : []),
    ...(unknown.length > 0
      ? [`missed where the verdict was unknown: ${listed(unknown.map(({ name, unknown: n }) => `${name} (${n})`))}`]
      : []),
    ...(calibration.clean.unknown > 0
      ? [`clean, but in doubt (verdict unknown): ${counted(calibration.clean.unknown, 'run')}`]
      : []),
    ...aimsText(calibration.clean),
    ...(failedRuns > 0 ? [`failed to run twice, and not counted: ${counted(failedRuns, 'run')}`] : []),
  ];
}

/** How much of what the clean loads aim at they say nothing about. */
export function aimsText({ aims }: CleanFigures): string[] {
  if (aims === undefined || aims.judged === 0) return [];
  const by = Object.entries(aims.unknown_by).map(([name, runs]) => `${name} (${runs})`);
  const which = by.length === 0 ? '' : `: ${some(by, 5)}`;
  return [`of ${count(aims.judged)} invariants that clean loads aim at, ${count(aims.unknown)} unknown${which}`];
}

/** Runs that need a look. */
export function explainable(runs: readonly CalibrationRun[]): readonly CalibrationRun[] {
  return runs.filter(({ result }) => result !== 'found' && result !== 'clean');
}
