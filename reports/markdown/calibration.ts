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
import { document, markdownTable, plain } from './document.ts';

/** For a pull request, or the summary of a CI job. */
export function calibrationMarkdown(calibration: Calibration, findings: CalibrationFindings): string {
  const { defects, clean, remedies } = calibration;
  const remarks = remarksOf(calibration, findings).map((remark) => `* ${plain(remark)}`);
  return document([
    `# Calibration: ${answerOf(calibration, findings).word}`,
    `${plain(calibrationSentence(calibration, findings))}.`,
    plain(settingsText(calibration)),
    remarks.join('\n'),
    '## Defects',
    defectTable(defects),
    '## Clean builds',
    `${cleanText(clean.runs, clean.false_alarms)}${clean.interval === null ? '' : ` (95 %: ${intervalOf(clean.interval)})`}.`,
    markdownTable(
      ['scenario', 'schedulers', 'runs', 'false alarms'],
      clean.by_load.map((one) => [
        plain(one.scenario),
        count(one.schedulers),
        count(one.runs),
        count(one.false_alarms),
      ]),
    ),
    markdownTable(
      ['as good as clean', 'runs', 'false alarms'],
      remedies.map(({ name, runs, false_alarms }) => [plain(name), count(runs), count(false_alarms)]),
    ),
    ...lookAt(calibration),
  ]);
}

export function defectTable(defects: readonly DefectFigures[]): string {
  return markdownTable(
    ['defect', 'race', 'found', '95 %', 'first violation: median (least–most)', 'caught by'],
    defects.map((one) => [
      plain(one.name),
      one.race ?? '',
      foundText(one),
      intervalOf(one.interval),
      firstText(one),
      catchersOf(one)
        .map(({ name, share, named }) => [plain(name), share, named ? '' : '(not named)'].filter(Boolean).join(' '))
        .join(', '),
    ]),
  );
}

function lookAt({ runs }: Calibration): string[] {
  const rows = explainable(runs).map((run) => [
    run.result,
    plain(run.build),
    plain(run.scenario),
    String(run.seed),
    plain(run.folder ?? run.failure ?? ''),
  ]);
  if (rows.length === 0) return [];
  return ['## Runs to look at', markdownTable(['result', 'build', 'scenario', 'seed', 'folder'], rows)];
}
