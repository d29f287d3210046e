import type { JudgedWindow, Soak, SoakWindow } from '../model/soak.ts';
import type { Judgement, Verdict } from '../model/verdict.ts';

/** So much of a soak may be in doubt (the generator was late, a window was not judged) before all of it is. */
const MOST_DOUBT = 0.1;

/** What the index keeps of a window's verdict. */
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
    load_s: judgement.load_seconds,
    // Most are 0, and an index of a thousand windows is read and written whole.
    counts: Object.fromEntries(Object.entries(judgement.counts).filter(([, value]) => value !== 0)),
    seconds_to_judge: secondsToJudge,
  };
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
 * What broke in any window broke. The rest is told of the windows together, because a window is short: a promise that the
 * scenario aims at must have been put to the test in one of them; and no more than a tenth of them may be in doubt. An
 * attempt that was broken off counts only for what it broke, since its plan was played again; where it was not, it is missing.
 */
export function verdictOf({
  windows,
  windows_planned,
  state,
}: Pick<Soak, 'windows' | 'windows_planned' | 'state'>): Verdict {
  if (windows.some(({ judged }) => judged?.verdict === 'fail')) return 'fail';
  const completed = windows.filter(({ ended, judged }) => ended === 'completed' && judged !== null);
  const wanted = state === 'running' ? completed.length : windows_planned;
  const sound = completed.filter(({ judged }) => judged?.doubts.length === 0);
  if (sound.length === 0 || wanted - sound.length > wanted * MOST_DOUBT) return 'unknown';
  const kept = new Set(sound.flatMap(({ judged }) => judged?.kept ?? []));
  return untestedOf(sound).every((name) => kept.has(name)) ? 'pass' : 'unknown';
}

/** Promises that were in no window put to the test, though the scenario aims at them. */
export function neverTested(windows: readonly SoakWindow[]): string[] {
  const kept = new Set(windows.flatMap(({ judged }) => (judged?.doubts.length === 0 ? judged.kept : [])));
  return untestedOf(windows).filter((name) => !kept.has(name));
}

function untestedOf(windows: readonly SoakWindow[]): string[] {
  return [...new Set(windows.flatMap(({ judged }) => judged?.untested ?? []))];
}
