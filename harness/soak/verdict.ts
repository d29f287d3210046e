import { conflictName } from '../../reports/conflicts.ts';
import { groupBy } from '../model/group-by.ts';
import type { KnownResult } from '../model/known.ts';
import type { JudgedWindow, Soak, SoakWindow } from '../model/soak.ts';
import type { Judgement, Verdict } from '../model/verdict.ts';

/** The share of windows that may be in doubt (late generator, not judged) without making the soak unknown. */
const MOST_DOUBT = 0.1;

/** The part of a window's verdict that the index keeps. */
export function judgedWindow(judgement: Judgement, secondsToJudge: number): JudgedWindow {
  const { invariants, assumptions, thresholds } = judgement;
  const aimed = invariants.filter((one) => one.aimed);
  const failed = invariants.filter((one) => one.verdict === 'fail');
  return {
    verdict: judgement.verdict,
    broken: Object.fromEntries(failed.map(({ name, violations }) => [name, violations])),
    thresholds_broken: thresholds.filter(({ verdict }) => verdict === 'fail').map(thresholdName),
    kept: aimed.filter(({ verdict }) => verdict === 'pass').map(({ name }) => name),
    untested: [
      ...aimed.filter(({ verdict }) => verdict === 'unknown').map(({ name }) => name),
      ...thresholds.filter(({ verdict }) => verdict === 'unknown').map(thresholdName),
    ],
    doubts: assumptions.filter(({ verdict }) => verdict !== 'pass').map(({ name, sentence }) => `${name}: ${sentence}`),
    findings: judgement.findings.map(({ title }) => title),
    ...(judgement.known && { new: newOf(judgement.known) }),
    load_s: judgement.load_seconds,
    // Most are 0, and the index of a thousand windows is read and written as a whole.
    counts: Object.fromEntries(Object.entries(judgement.counts).filter(([, value]) => value !== 0)),
    conflicts: conflictsOf(judgement),
    seconds_to_judge: secondsToJudge,
  };
}

function conflictsOf({ conflicts = [] }: Judgement): Record<string, number> {
  const byName = groupBy(conflicts, conflictName);
  return Object.fromEntries([...byName].map(([name, same]) => [name, same.reduce((sum, one) => sum + one.count, 0)]));
}

function newOf({ findings }: KnownResult): string[] {
  return findings.filter(({ status }) => status === 'new').map(({ name, title }) => name ?? title);
}

export function thresholdName({
  metric,
  expression,
}: {
  readonly metric: string;
  readonly expression: string;
}): string {
  return `${metric}: ${expression}`;
}

/**
 * A violation in any window is a failure. The rest is decided over all windows, because a window is short: each
 * invariant that the scenario aims at must have been exercised in one of them, and no more than a tenth may be in
 * doubt. An attempt that was broken off counts only for its violations; a window without a completed attempt is
 * missing.
 */
export function verdictOf(soak: Pick<Soak, 'windows' | 'windows_planned' | 'state'>): Verdict {
  return soak.windows.some(({ judged }) => judged?.verdict === 'fail') ? 'fail' : verdictWithoutViolations(soak);
}

/** The same if no violation counted. An invariant that was violated was exercised. */
export function verdictWithoutViolations({
  windows,
  windows_planned,
  state,
}: Pick<Soak, 'windows' | 'windows_planned' | 'state'>): Verdict {
  const completed = windows.filter(({ ended, judged }) => ended === 'completed' && judged !== null);
  const wanted = state === 'running' ? completed.length : windows_planned;
  const sound = completed.filter(({ judged }) => judged?.doubts.length === 0);
  if (sound.length === 0 || wanted - sound.length > wanted * MOST_DOUBT) return 'unknown';
  const kept = new Set(sound.flatMap(({ judged }) => [...(judged?.kept ?? []), ...Object.keys(judged?.broken ?? {})]));
  return untestedOf(sound).every((name) => kept.has(name)) ? 'pass' : 'unknown';
}

/** Invariants that the scenario aims at and no window exercised. */
export function neverTested(windows: readonly SoakWindow[]): string[] {
  const kept = new Set(windows.flatMap(({ judged }) => (judged?.doubts.length === 0 ? judged.kept : [])));
  return untestedOf(windows).filter((name) => !kept.has(name));
}

function untestedOf(windows: readonly SoakWindow[]): string[] {
  return [...new Set(windows.flatMap(({ judged }) => judged?.untested ?? []))];
}
