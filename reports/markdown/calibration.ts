import type { Calibration, CalibrationFindings, DefectFigures } from '../../harness/model/calibration.ts';
import {
  answerOf,
  calibrationSentence,
  catchersOf,
  cleanText,
  explainable,
  firstText,
  foundText,
  intervalOf,
  remarksOf,
  settingsText,
} from '../calibration.ts';
import { count } from '../words.ts';
import { document, escaped, table } from './report.ts';

/** For a pull request, or the summary of a CI job. */
export function calibrationMarkdown(calibration: Calibration, findings: CalibrationFindings): string {
  const { defects, clean, remedies } = calibration;
  const remarks = remarksOf(calibration, findings).map((remark) => `* ${escaped(remark)}`);
  return document([
    `# Calibration: ${answerOf(calibration, findings).word}`,
    `${escaped(calibrationSentence(calibration, findings))}.`,
    escaped(settingsText(calibration)),
    remarks.join('\n'),
    '## Defects',
    defectTable(defects),
    '## Clean builds',
    `${cleanText(clean.runs, clean.false_alarms)}${clean.interval === null ? '' : ` (95 %: ${intervalOf(clean.interval)})`}.`,
    table(
      ['scenario', 'schedulers', 'runs', 'false alarms'],
      clean.by_load.map((one) => [
        escaped(one.scenario),
        count(one.schedulers),
        count(one.runs),
        count(one.false_alarms),
      ]),
    ),
    table(
      ['as good as clean', 'runs', 'false alarms'],
      remedies.map(({ name, runs, false_alarms }) => [escaped(name), count(runs), count(false_alarms)]),
    ),
    ...lookAt(calibration),
  ]);
}

export function defectTable(defects: readonly DefectFigures[]): string {
  return table(
    ['defect', 'race', 'found', '95 %', 'first violation: median (least–most)', 'caught by'],
    defects.map((one) => [
      escaped(one.name),
      one.race ?? '',
      foundText(one),
      intervalOf(one.interval),
      firstText(one),
      catchersOf(one)
        .map(({ name, share, named }) => [escaped(name), share, named ? '' : '(not named)'].filter(Boolean).join(' '))
        .join(', '),
    ]),
  );
}

function lookAt({ runs }: Calibration): string[] {
  const rows = explainable(runs).map((run) => [
    run.result,
    escaped(run.build),
    escaped(run.scenario),
    String(run.seed),
    escaped(run.folder ?? run.failure ?? ''),
  ]);
  if (rows.length === 0) return [];
  return ['## Runs to look at', table(['result', 'build', 'scenario', 'seed', 'folder'], rows)];
}
