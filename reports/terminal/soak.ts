import type { Soak, SoakWindow } from '../../harness/model/soak.ts';
import { soakConflicts } from '../conflicts.ts';
import {
  brokenOf,
  brokenTotals,
  drifting,
  driftSentence,
  gapSentence,
  size,
  soakSentence,
  soakTitle,
} from '../soak.ts';
import { counted, GLYPH, lines, milliseconds, seconds, some, visible } from '../words.ts';
import { knownLines, paintFor, type TextOptions, verdictWord } from './screen.ts';

/** A window that has just been judged, as one line above the live one. */
export function soakLine(window: SoakWindow): string {
  const { number, judged, ended, bytes } = window;
  if (judged === null) return `window ${number}: ${ended ?? 'under way'}`;
  const { verdict, counts, load_s } = judged;
  const slow = window.readings['latency.heartbeat.p95_ms'];
  const facts = [
    `${counted(counts.operations ?? 0, 'request')} in ${seconds(load_s)}`,
    counted(counts.deadlocks ?? 0, 'deadlock'),
    ...(slow === undefined ? [] : [`heartbeat p95 ${milliseconds(slow)} ms`]),
    size(bytes),
  ];
  const why = [...brokenOf(window), ...judged.doubts.map((doubt) => `in doubt: ${doubt}`)].map(visible);
  const known =
    judged.new === undefined ? [] : [judged.new.length === 0 ? 'nothing new' : `NEW: ${some(judged.new, 3)}`];
  const how = ended === 'completed' ? '' : ` (${ended})`;
  return [`window ${number}${how}: ${GLYPH[verdict]} ${verdict}`, ...facts, ...known.map(visible), ...why].join(' · ');
}

/** What `windtunnel soak` prints at its end. */
export function soakText(soak: Soak, options: TextOptions): string {
  const paint = paintFor(options);
  return [
    `${verdictWord(soak.verdict, paint)}  ${visible(soakTitle(soak))}`,
    ...lines(visible(soakSentence(soak)), 98).map((line) => `  ${line}`),
    ...knownLines(soak.known, paint).map((line) => `  ${line}`),
    ...brokenTotals(soak).map(([name, where]) => `  ${paint.red('✗')} ${visible(name)}: ${where}`),
    ...conflictLines(soak),
    ...drifting(soak).map((drift) => `  ~ ${visible(driftSentence(drift))}`),
    ...soak.gaps.map((gap) => `  ! ${gapSentence(gap)}`),
  ].join('\n');
}

function conflictLines(soak: Soak): string[] {
  const found = soakConflicts(soak, []);
  const all = found?.rows[0]?.slice(1) ?? [];
  const words = all.map((said, column) => `${visible(found?.head[column + 1] ?? '')} ${said}`);
  return words.length === 0 ? [] : lines(`409: ${words.join(', ')}`, 98).map((line) => `  ${line}`);
}
