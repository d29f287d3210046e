import type { Calibration, CalibrationFindings, DefectFigures } from '../../harness/model/calibration.ts';
import {
  answerOf,
  calibrationSentence,
  catchersOf,
  explainable,
  firstText,
  foundText,
  intervalOf,
  remarksOf,
} from '../calibration.ts';
import { counted, padEnd, shorten, visible } from '../words.ts';
import { fitted, type Paint, paintFor, type TextOptions } from './screen.ts';

export interface CalibrationTextOptions extends TextOptions {
  /** Where the result was kept. */
  readonly file: string;
}

/** Most runs that need a look are alike; the result lists them all. */
const EXPLAINED = 12;

/** One line a defect, the worst first; what to look at; the answer in the last line. */
export function calibrationText(
  calibration: Calibration,
  findings: CalibrationFindings,
  { file, ...options }: CalibrationTextOptions,
): string {
  const paint = paintFor(options);
  const width = Math.min(34, Math.max(8, ...calibration.defects.map(({ name }) => name.length)) + 3);
  const head = paint.dim(columns('  defect', 'found', '95 %', 'first violation', 'caught by', width));
  const begun = calibration.defects.filter(({ runs: n, failed_to_run }) => n + failed_to_run > 0);
  const rows = worstFirst(begun).map((figures) => row(figures, width, paint));
  const cures = calibration.remedies.filter(({ runs: n }) => n > 0);
  const waiting = calibration.defects.length - begun.length;
  const runs = explainable(calibration.runs);
  const { word, verdict } = answerOf(calibration, findings);
  const colour = { fail: paint.red, unknown: paint.yellow, pass: paint.green }[verdict];
  return [
    ...(rows.length > 0 ? [head, ...rows] : []),
    ...(waiting > 0 ? [paint.dim(`  and ${counted(waiting, 'defect')} of which no run was begun`)] : []),
    '',
    ...cures.map(({ name, runs: n, false_alarms }) =>
      fitted(`${name}: as good as clean in ${n - false_alarms} of ${counted(n, 'run')}`),
    ),
    ...runs.slice(0, EXPLAINED).map((run) => {
      const where = run.folder ?? run.failure ?? 'no folder was left';
      return `${paint.yellow(run.result)} ${visible(`${run.build}, ${run.scenario}, seed ${run.seed}: ${where}`)}`;
    }),
    ...(runs.length > EXPLAINED ? [`and ${runs.length - EXPLAINED} more runs to look at`] : []),
    ...remarksOf(calibration, findings).map((remark) => paint.dim(visible(remark))),
    `kept: ${paint.underline(visible(file))}`,
    '',
    paint.bold(colour(word.toUpperCase())),
    visible(calibrationSentence(calibration, findings)),
  ].join('\n');
}

function worstFirst(defects: readonly DefectFigures[]): readonly DefectFigures[] {
  const share = ({ found, runs }: DefectFigures) => (runs === 0 ? -1 : found / runs);
  return [...defects].sort((a, b) => share(a) - share(b));
}

function row(figures: DefectFigures, width: number, paint: Paint): string {
  const { runs, name, interval } = figures;
  const glyph =
    runs === 0 ? paint.yellow('?') : [paint.red('✗'), paint.yellow('~'), paint.green('✓')][levelOf(figures)];
  const left = columns(name, foundText(figures), intervalOf(interval), firstText(figures), '', width - 2);
  const taken = width + WIDTHS.reduce((sum, one) => sum + one, 0);
  return `${glyph} ${padEnd(left, taken - 2)}${fitted(catchersText(figures), taken)}`.trimEnd();
}

/** The first that its file names, with its runs, and how many more of the named; the result has them all. */
function catchersText(figures: DefectFigures): string {
  const [first, ...others] = catchersOf(figures);
  if (!first) return '';
  const named = others.filter((one) => one.named).length;
  return [
    `${first.named ? '' : 'not named: '}${first.name} ${first.share}`.trimEnd(),
    ...(named > 0 ? [`+${named}`] : []),
  ].join(' ');
}

/** Never, sometimes, always. */
function levelOf({ found, runs }: DefectFigures): 0 | 1 | 2 {
  return found === 0 ? 0 : found < runs ? 1 : 2;
}

const WIDTHS = [9, 9, 18] as const;

function columns(name: string, found: string, interval: string, first: string, by: string, width: number): string {
  const cells = [found, interval, first].map((text, index) => padEnd(text, WIDTHS[index] ?? 0));
  return [padEnd(shorten(visible(name), width - 1), width), ...cells, by].join('').trimEnd();
}
