import type { Violation } from '../harness/model/finding.ts';
import type { InvariantResult, Judgement, Verdict } from '../harness/model/verdict.ts';
import { count, counted, percent, seconds, some } from './words.ts';

/** What every format says in the same words; each takes care of its own escaping. */

/** The verdict and its reason in one sentence. `names: false` where the names stand beside it. */
export function headline(judgement: Judgement, { names } = { names: true }): string {
  const { verdict, build } = judgement;
  switch (verdict) {
    case 'fail':
      return failure(judgement, names);
    case 'unknown':
      return `Inconclusive for ${build}: ${doubts(judgement)}.`;
    case 'pass':
      return (
        `${build} satisfied ${tested(judgement)} in ${seconds(judgement.load_seconds)} of ` +
        `scenario ${judgement.scenario}.`
      );
    default:
      return verdict satisfies never;
  }
}

function failure(judgement: Judgement, withNames: boolean): string {
  const broken = judgement.invariants.filter((invariant) => invariant.verdict === 'fail');
  const missed = judgement.thresholds.filter((threshold) => threshold.verdict === 'fail');
  const parts: string[] = [];
  if (broken.length > 0) {
    const names = worstFirst(broken).map(({ name, violations }) => `${name} (${count(violations)})`);
    const which = withNames ? `: ${some(names, 4)}` : '';
    const exercised = judgement.invariants.filter((invariant) => invariant.verdict !== 'unknown').length;
    parts.push(`violated ${count(broken.length)} of ${counted(exercised, 'exercised invariant')}${which}`);
  }
  if (missed.length > 0) {
    const names = missed.map(({ metric, expression }) => `${metric} ${expression}`);
    parts.push(`missed ${counted(missed.length, 'threshold')}: ${some(names, 3)}`);
  }
  const first = judgement.first_violation_s;
  const when = broken.length > 0 && first !== null ? `; first violation ${seconds(first)} into the load` : '';
  return `${judgement.build} ${parts.length > 0 ? parts.join(', and ') : 'failed'}${when}.`;
}

function doubts({ assumptions, invariants, thresholds }: Judgement): string {
  const shaky = assumptions.filter((assumption) => assumption.verdict !== 'pass').map(({ name }) => name);
  const idle = invariants.filter(({ aimed, verdict }) => aimed && verdict === 'unknown').map(({ name }) => name);
  const blind = thresholds.filter(({ verdict }) => verdict === 'unknown').map(({ metric }) => metric);
  const parts = [
    ...(shaky.length > 0
      ? [`${shaky.length === 1 ? 'the assumption' : 'assumptions'} ${some(shaky, 3)} did not hold`]
      : []),
    ...(idle.length > 0 ? [`${some(idle, 3)} ${idle.length === 1 ? 'was' : 'were'} not exercised enough`] : []),
    ...(blind.length > 0 ? [`nothing was measured for ${some(blind, 3)}`] : []),
  ];
  return parts.length > 0 ? parts.join('; ') : 'nothing was judged';
}

function tested({ invariants }: Judgement): string {
  const kept = invariants.filter(({ verdict }) => verdict === 'pass').length;
  return kept === 1 ? 'the one exercised invariant' : `all ${count(kept)} exercised invariants`;
}

const ORDER: Record<Verdict, number> = { fail: 0, unknown: 1, pass: 2 };

/** Violated first, then unknown, then satisfied; within each, what the scenario aims at and what broke most often. */
export function worstFirst(invariants: readonly InvariantResult[]): InvariantResult[] {
  return [...invariants].sort(
    (a, b) =>
      ORDER[a.verdict] - ORDER[b.verdict] ||
      Number(b.aimed) - Number(a.aimed) ||
      b.violations - a.violations ||
      a.name.localeCompare(b.name),
  );
}

/** An unknown that the scenario does not aim at: mentioned, but not counted against the run. */
export function isNotExercised({ verdict, aimed }: InvariantResult): boolean {
  return verdict === 'unknown' && !aimed;
}

/** What an invariant's verdict rests on. */
export function evidence(invariant: InvariantResult): string {
  const { verdict, violations, exercised, exercised_wanted, exercised_by, why_unknown } = invariant;
  if (verdict === 'fail') return `${counted(violations, 'violation')}${variantsSeen(invariant)}`;
  if (verdict === 'pass') return exercised_by === '' ? 'holds' : `holds in ${count(exercised)} ${exercised_by}`;
  return (
    why_unknown ??
    `not exercised enough: ${count(exercised)} of the required ${count(exercised_wanted)} ${exercised_by}`
  );
}

/** Its variants, most frequent first. */
function variantsSeen({ variants = {} }: InvariantResult): string {
  const sorted = Object.entries(variants).sort(([, a], [, b]) => b - a);
  if (sorted.length === 0) return '';
  return `: ${some(
    sorted.map(([variant, n]) => (sorted.length === 1 ? variant : `${count(n)} × ${variant}`)),
    4,
  )}`;
}

export type Place = 'first' | 'worst' | 'last';

/** First, worst and last violation; one that is several of these is shown once, under all its names. */
export function violationsShown(
  invariant: InvariantResult,
): { readonly places: readonly Place[]; readonly violation: Violation }[] {
  const shown: { places: Place[]; violation: Violation }[] = [];
  for (const place of ['first', 'worst', 'last'] as const) {
    const violation = invariant[place];
    if (!violation) continue;
    const same = shown.find((other) => isSame(other.violation, violation));
    if (same) same.places.push(place);
    else shown.push({ places: [place], violation });
  }
  return shown;
}

function isSame(a: Violation, b: Violation): boolean {
  return a.at_ms === b.at_ms && a.subject === b.subject && a.sentence === b.sentence;
}

/** `6 of 6 hold`, or how many do not. */
export function assumptionsHold({ assumptions }: Judgement): string {
  const holding = assumptions.filter(({ verdict }) => verdict === 'pass').length;
  return `${holding} of ${assumptions.length} hold`;
}

/** 409s by operation, most first. */
export function conflictsByOperation({ refusals }: Judgement): { readonly kind: string; readonly count: number }[] {
  const byKind = new Map<string, number>();
  for (const refusal of refusals) {
    if (refusal.status === 409) byKind.set(refusal.kind, (byKind.get(refusal.kind) ?? 0) + refusal.count);
  }
  return [...byKind].map(([kind, value]) => ({ kind, count: value })).sort((a, b) => b.count - a.count);
}

export function harnessShare({ harness_cpu_share }: { readonly harness_cpu_share: number | null }): string {
  return harness_cpu_share === null ? 'harness CPU not sampled' : `harness ${percent(harness_cpu_share)} CPU`;
}

/** The rows that prove it, by number: `operations 1201, 1240; commit 877`. */
export function proof(violation: Violation): string {
  const { operations, commits } = violation;
  return [
    ...(operations.length > 0 ? [numbered('operation', operations)] : []),
    ...(commits.length > 0 ? [numbered('commit', commits)] : []),
  ].join('; ');
}

/** Eight are enough to find the others by. */
export function numbered(word: string, numbers: readonly number[]): string {
  const hidden = numbers.length - 8;
  const shown = numbers.slice(0, 8).join(', ');
  return `${word}${numbers.length === 1 ? '' : 's'} ${shown}${hidden > 0 ? ` and ${count(hidden)} more` : ''}`;
}
