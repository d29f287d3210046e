import path from 'node:path';
import type { InvariantResult, Judgement } from '../../harness/model/verdict.ts';
import { explainCommand } from '../commands.ts';
import { deadlockKinds, titleOf } from '../deadlocks.ts';
import { classWords } from '../refusals.ts';
import {
  assumptionsHold,
  conflictsByOperation,
  evidence,
  harnessShare,
  headline,
  isNotExercised,
  violationsShown,
  worstFirst,
} from '../summary.ts';
import { count, moment, padEnd, seconds, shorten, some, visible } from '../words.ts';
import { fitted, mark, type Paint, paintFor, SCREEN, type TextOptions, verdictWord } from './screen.ts';

export { comparisonText } from './comparison.ts';

/**
 * The summary at the end of a run, at most one screen: what is broken first, in sentences as far as there is room, and
 * the verdict last, where the eye is when the prompt comes back.
 */
export function verdictText(judgement: Judgement, options: TextOptions): string {
  const paint = paintFor(options);
  const { scenario, seed, load_seconds, build } = judgement;
  const title = `${build} · ${scenario} · seed ${seed} · ${seconds(load_seconds)} of load`;
  const footer = footerLines(judgement, paint);
  const room = SCREEN.lines - footer.length - 2;
  const findings = findingLines(judgement, Math.min(6, room - LEAST_FOR_PROMISES), paint);
  const body = invariantLines(judgement, room - findings.length, paint);
  return [paint.bold(fitted(title)), '', ...findings, ...body, ...footer].join('\n');
}

const LEAST_FOR_PROMISES = 6;

/** What broke, by cause, a line each; the story is one command away. */
function findingLines({ findings }: Judgement, room: number, paint: Paint): string[] {
  if (findings.length === 0) return [];
  const most = room - 1;
  const shown = findings.length <= most ? findings : findings.slice(0, most - 1);
  const rows = shown.map(({ id, title, occurrences, known_race }) => {
    const often = `${count(occurrences)} ×`;
    const race = known_race === null ? '' : `  (${known_race})`;
    const head = `${padEnd(id, 4)}${often.padStart(7)}  `;
    return `${paint.bold(head)}${fitted(title, head.length + race.length)}${paint.dim(race)}`;
  });
  const hidden = findings.length - shown.length;
  return [...rows, ...(hidden > 0 ? [`  and ${count(hidden)} more findings`] : []), ''];
}

function footerLines(judgement: Judgement, paint: Paint): string[] {
  const aside = judgement.invariants.filter(isNotExercised).map(({ name }) => name);
  const why = fitted(headline(judgement, { names: false }), judgement.verdict.length + 2);
  return [
    ...(aside.length > 0 ? [paint.dim(fitted(`not exercised: ${some(aside, 8)}`))] : []),
    ...preconditionLines(judgement, paint),
    ...countsLines(judgement),
    ...(judgement.findings.length > 0
      ? [`explain: ${visible(explainCommand(judgement.run, judgement.findings[0]))}`]
      : []),
    `report: ${paint.underline(visible(path.join(judgement.run, 'report.html')))}`,
    '',
    `${verdictWord(judgement.verdict, paint)}  ${why}`,
  ];
}

/** Assumptions and thresholds take lines only where they have something to say. */
function preconditionLines(judgement: Judgement, paint: Paint): string[] {
  const shaky = judgement.assumptions.filter(({ verdict }) => verdict !== 'pass');
  const missed = judgement.thresholds.filter(({ verdict }) => verdict !== 'pass');
  const lines = missed.slice(0, 2).map(({ metric, expression, value, verdict }) => {
    const measured = value === null ? 'not measured' : `was ${Number(value.toPrecision(4))}`;
    return `${mark(verdict, paint)} ${fitted(`threshold ${metric} ${expression}: ${measured}`, 2)}`;
  });
  for (const { verdict, name, sentence } of shaky.slice(0, 2)) {
    lines.push(`${mark(verdict, paint)} ${fitted(`assumption ${name}: ${sentence}`, 2)}`);
  }
  const hidden = shaky.length + missed.length - lines.length;
  if (hidden > 0) lines.push(`  and ${hidden} more like these`);
  else if (shaky.length === 0) lines.push(paint.dim(`assumptions: ${assumptionsHold(judgement)}`));
  return lines;
}

function countsLines(judgement: Judgement): string[] {
  const { counts } = judgement;
  const why = classWords(judgement);
  const [most] = deadlockKinds(judgement.deadlocks);
  const conflicts = conflictsByOperation(judgement).map(({ kind, count: n }) => `${fitted(kind, 76)} ${count(n)}`);
  const byKind = conflicts.length > 0 ? ` (${some(conflicts, 3)})` : '';
  return wrapped([
    `${count(counts.operations ?? 0)} operations`,
    `409: ${count(counts.http_409 ?? 0)}${byKind}`,
    `5xx: ${count(counts.http_5xx ?? 0)}`,
    `deadlocks: ${count(counts.deadlocks ?? 0)}`,
    ...(counts.lives === undefined ? [] : [`${count(counts.lives)} lives`]),
    harnessShare(judgement),
    ...(why === '' ? [] : [why]),
    ...(most ? [`most deadlocks: ${count(most.count)} × ${titleOf(most)}`] : []),
  ]);
}

/** Joined by dots, broken between them where a line would be too long. */
function wrapped(parts: readonly string[]): string[] {
  const lines: string[] = [];
  for (const part of parts) {
    const last = lines.at(-1);
    const joined = last === undefined ? part : `${last} · ${part}`;
    if (last !== undefined && joined.length <= SCREEN.columns) lines[lines.length - 1] = joined;
    else lines.push(fitted(part));
  }
  return lines;
}

function invariantLines(judgement: Judgement, room: number, paint: Paint): string[] {
  const sorted = worstFirst(judgement.invariants).filter((invariant) => !isNotExercised(invariant));
  const doubtful = sorted.filter(({ verdict }) => verdict !== 'pass');
  const kept = sorted.filter(({ verdict }) => verdict === 'pass');
  const listsKept = doubtful.length + kept.length <= room;
  const tail = listsKept ? kept.map((invariant) => [line(invariant, paint)]) : [[keptTogether(kept, paint)]];
  const spare = room - tail.length;
  if (doubtful.length > spare) {
    const shown = doubtful.slice(0, spare - 1).map((invariant) => line(invariant, paint));
    return [...shown, `  and ${count(doubtful.length - shown.length)} more that are not kept`, ...tail.flat()];
  }
  // Findings say it in words of their own, and once.
  const sentences = judgement.findings.length > 0 ? 0 : spare - doubtful.length;
  return [...withSentences(doubtful, sentences, paint), ...tail.flat()];
}

/** The lines left over go to sentences: every broken promise gets its first, then each its worst, then its last. */
function withSentences(invariants: readonly InvariantResult[], room: number, paint: Paint): string[] {
  const blocks = invariants.map((invariant) => ({
    heading: line(invariant, paint),
    sentences: violationsShown(invariant).map(({ places, violation }) => {
      const place = `    ${padEnd(places.length === 3 ? 'only' : places.join(', '), 6)} ${moment(violation.at_ms)}  `;
      return paint.dim(place) + fitted(violation.sentence, place.length);
    }),
    shown: 0,
  }));
  let left = room;
  for (let round = 1; round <= 3; round++) {
    for (const block of blocks) {
      if (left === 0 || block.sentences.length < round) continue;
      block.shown = round;
      left--;
    }
  }
  return blocks.flatMap(({ heading, sentences, shown }) => [heading, ...sentences.slice(0, shown)]);
}

function line(invariant: InvariantResult, paint: Paint): string {
  const name = shorten(visible(invariant.name), 44);
  const issues =
    invariant.verdict === 'fail' && invariant.known_issues.length > 0 ? `  (${invariant.known_issues.join(', ')})` : '';
  const rest = fitted(`${evidence(invariant)}${issues}`, 2 + Math.max(36, name.length) + 1);
  const shown = invariant.verdict === 'fail' ? paint.bold(padEnd(name, 36)) : padEnd(name, 36);
  return `${mark(invariant.verdict, paint)} ${shown} ${invariant.verdict === 'fail' ? rest : paint.dim(rest)}`;
}

function keptTogether(kept: readonly InvariantResult[], paint: Paint): string {
  if (kept.length === 0) return paint.dim('✓ none kept');
  const names = kept.map(({ name }) => name);
  return `${mark('pass', paint)} ${fitted(`${count(kept.length)} kept: ${names.join(', ')}`, 2)}`;
}
