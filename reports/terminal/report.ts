import path from 'node:path';
import type { InvariantResult, Judgement } from '../../harness/model/verdict.ts';
import { commandToExplain } from '../commands.ts';
import { conflictWords } from '../conflicts.ts';
import { deadlockKinds, titleOf } from '../deadlocks.ts';
import { isBadStatus, statusOf, statusWord } from '../known.ts';
import { classWords } from '../refusals.ts';
import {
  assumptionsHold,
  conflictsByOperation,
  evidence,
  harnessShare,
  headline,
  isNotExercised,
  worstFirst,
} from '../summary.ts';
import { count, counted, padEnd, seconds, shorten, some, visible } from '../words.ts';
import {
  fitted,
  fitting,
  hanging,
  knownLines,
  mark,
  namesFitting,
  type Paint,
  paintFor,
  SCREEN,
  type TextOptions,
  verdictWord,
} from './screen.ts';

interface VerdictOptions extends TextOptions {
  /** Names of the user's own invariants. */
  readonly own?: readonly string[];
}

/**
 * The summary at the end of a run, at most one screen: what is broken first, in sentences as far as there is room, and
 * the verdict last, where the eye is when the prompt comes back.
 */
export function verdictText(judgement: Judgement, { own = [], ...options }: VerdictOptions): string {
  const paint = paintFor(options);
  const { scenario, seed, load_seconds, build } = judgement;
  const title = `${build} · ${scenario} · seed ${seed} · ${seconds(load_seconds)} of load`;
  const footer = footerLines(judgement, paint, own);
  const room = SCREEN.lines - footer.length - 2;
  const findings = findingLines(judgement, Math.min(12, room - LEAST_FOR_INVARIANTS), paint);
  const body = invariantLines(judgement, room - findings.length, paint, own);
  return [paint.bold(fitted(title)), '', ...findings, ...body, ...footer].join('\n');
}

const LEAST_FOR_INVARIANTS = 6;

/** What broke, by cause; the timeline of one is one command away. */
function findingLines({ findings, findings_left_out, known }: Judgement, room: number, paint: Paint): string[] {
  if (findings.length === 0) return findings_left_out === null ? [] : [fitted(findings_left_out), ''];
  const blocks = newFirst(findings, known).map((finding) => {
    const { id, title, occurrences, known_race } = finding;
    const status = statusOf(finding, known);
    const names = [...(known_race === null ? [] : [known_race]), ...(status === undefined ? [] : [statusWord(status)])];
    const head = `${padEnd(id, 4)}${`${count(occurrences)} ×`.padStart(7)}  `;
    const [first = '', ...more] = hanging(head, `${title}${names.length === 0 ? '' : ` (${names.join(', ')})`}`);
    return [`${paint.bold(head)}${first.slice(head.length)}`, ...more];
  });
  return [...fitting(blocks, room - 1, (hidden) => `  and ${counted(hidden, 'more finding')}`), ''];
}

/** Of a screen that has no room for all, what is new must not be the rest. */
function newFirst(findings: Judgement['findings'], known: Judgement['known']): Judgement['findings'] {
  const isNew = (finding: Judgement['findings'][number]) => {
    const status = statusOf(finding, known);
    return status !== undefined && isBadStatus(status);
  };
  return [...findings.filter(isNew), ...findings.filter((finding) => !isNew(finding))];
}

function footerLines(judgement: Judgement, paint: Paint, own: readonly string[]): string[] {
  const aside = ownFirst(judgement.invariants.filter(isNotExercised), own);
  const verdict = `${judgement.verdict.toUpperCase()}  `;
  const why = hanging(verdict, headline(judgement, { names: false })).map((line) => line.slice(verdict.length));
  return [
    ...(aside.length > 0 ? [paint.dim(`not exercised: ${namesFitting(aside, 15)}`)] : []),
    ...preconditionLines(judgement, paint),
    ...countsLines(judgement),
    ...(judgement.findings.length > 0
      ? [`explain: ${visible(commandToExplain(judgement.run, judgement.findings[0]))}`]
      : []),
    `report: ${paint.underline(visible(path.join(judgement.run, 'report.html')))}`,
    '',
    `${verdictWord(judgement.verdict, paint)}  ${why.join(`\n${' '.repeat(verdict.length)}`)}`,
    ...knownLines(judgement.known, paint),
  ];
}

/** Assumptions and thresholds take lines only where they have something to say. */
function preconditionLines(judgement: Judgement, paint: Paint): string[] {
  const shaky = judgement.assumptions.filter(({ verdict }) => verdict !== 'pass');
  const missed = judgement.thresholds.filter(({ verdict }) => verdict !== 'pass');
  const marked = (verdict: Judgement['verdict'], text: string) =>
    hanging('  ', text, 2).map((line, index) => (index === 0 ? `${mark(verdict, paint)} ${line.slice(2)}` : line));
  const thresholds = missed.slice(0, 2).map(({ metric, expression, value, verdict }) => {
    const measured = value === null ? 'not measured' : `measured ${Number(value.toPrecision(4))}`;
    return marked(verdict, `threshold ${metric} ${expression}: ${measured}`);
  });
  const assumptions = shaky
    .slice(0, 2)
    .map(({ verdict, name, sentence }) => marked(verdict, `assumption ${name}: ${sentence}`));
  const hidden = shaky.length + missed.length - thresholds.length - assumptions.length;
  const all = [...thresholds, ...assumptions].flat();
  if (hidden > 0) return [...all, `  and ${hidden} more assumptions or thresholds that do not hold`];
  return shaky.length > 0 ? all : [...all, paint.dim(`assumptions: ${assumptionsHold(judgement)}`)];
}

function countsLines(judgement: Judgement): string[] {
  const { counts } = judgement;
  const why = classWords(judgement);
  const [most] = deadlockKinds(judgement.deadlocks);
  const conflicts = conflictsByOperation(judgement).map(({ kind, count: n }) => `${fitted(kind, 76)} ${count(n)}`);
  const byKind = conflicts.length > 0 ? ` (${some(conflicts, 3)})` : '';
  return [
    ...joined([
      `${count(counts.operations ?? 0)} operations`,
      `409: ${count(counts.http_409 ?? 0)}${byKind}`,
      ...otherRefusals(judgement),
      `5xx: ${count(counts.http_5xx ?? 0)}`,
      `deadlocks: ${count(counts.deadlocks ?? 0)}`,
      ...(counts.lives === undefined ? [] : [`${count(counts.lives)} lives`]),
      harnessShare(judgement),
      ...(why === '' ? [] : [why]),
    ]),
    ...stateLines(judgement),
    ...(most ? hanging('', `most frequent deadlock: ${count(most.count)} × ${titleOf(most)}`, 2) : []),
  ];
}

function stateLines(judgement: Judgement): string[] {
  const words = conflictWords(judgement);
  return words.length === 0 ? [] : hanging('', `409 by state found: ${some(words, 4)}`, 2);
}

/** Each other status with which requests were refused, with its count: `404: 12`. */
function otherRefusals({ refusals }: Judgement): string[] {
  const byStatus = new Map<number, number>();
  for (const { status, count: n } of refusals) {
    if (status >= 400 && status < 500 && status !== 409) byStatus.set(status, (byStatus.get(status) ?? 0) + n);
  }
  return [...byStatus].sort(([a], [b]) => a - b).map(([status, n]) => `${status}: ${count(n)}`);
}

/** Joined by dots, broken between them where a line would be too long. */
function joined(parts: readonly string[]): string[] {
  const all: string[] = [];
  for (const part of parts) {
    const last = all.at(-1);
    const longer = last === undefined ? part : `${last} · ${part}`;
    if (last !== undefined && longer.length <= SCREEN.columns) all[all.length - 1] = longer;
    else all.push(fitted(part));
  }
  return all;
}

function invariantLines(judgement: Judgement, room: number, paint: Paint, own: readonly string[]): string[] {
  const sorted = worstFirst(judgement.invariants).filter((invariant) => !isNotExercised(invariant));
  const doubtful = sorted.filter(({ verdict }) => verdict !== 'pass');
  const kept = sorted.filter(({ verdict }) => verdict === 'pass');
  const blocks = doubtful.map((invariant) => block(invariant, paint));
  const each = kept.flatMap((invariant) => block(invariant, paint));
  const tail = blocks.flat().length + each.length <= room ? each : [keptLine(ownFirst(kept, own), paint)];
  const spare = room - tail.length;
  const more = (hidden: number) => `  and ${count(hidden)} more that are violated or not exercised enough`;
  return [...fitting(blocks, spare, more), ...tail];
}

function block(invariant: InvariantResult, paint: Paint): string[] {
  const failed = invariant.verdict === 'fail';
  const name = padEnd(shorten(visible(invariant.name), 44), 36);
  const issues = failed && invariant.known_issues.length > 0 ? ` (${invariant.known_issues.join(', ')})` : '';
  const head = `  ${name} `;
  const [first = '', ...more] = hanging(head, `${evidence(invariant)}${issues}`, 3, failed ? undefined : paint.dim);
  return [`${mark(invariant.verdict, paint)} ${failed ? paint.bold(name) : name} ${first.slice(head.length)}`, ...more];
}

/** The names, with the user's own first: those are not left out for want of room. */
function ownFirst(invariants: readonly InvariantResult[], own: readonly string[]): string[] {
  const names = invariants.map(({ name }) => name);
  return [...names.filter((name) => own.includes(name)), ...names.filter((name) => !own.includes(name))];
}

function keptLine(kept: readonly string[], paint: Paint): string {
  if (kept.length === 0) return paint.dim('✓ no invariant holds');
  const said = `${counted(kept.length, 'invariant')} ${kept.length === 1 ? 'holds' : 'hold'}: `;
  return `${mark('pass', paint)} ${said}${namesFitting(kept, said.length + 2)}`;
}
