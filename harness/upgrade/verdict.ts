import type { JudgedPhase, Upgrade } from '../model/upgrade.ts';
import type { Judgement, Verdict } from '../model/verdict.ts';

/** The part of a phase's verdict that the index keeps. */
export function judgedPhase(judgement: Judgement): JudgedPhase {
  const { verdict, invariants, assumptions, findings, load_seconds, counts } = judgement;
  const failed = invariants.filter((one) => one.verdict === 'fail');
  const aimed = (wanted: Verdict) =>
    invariants.filter((one) => one.aimed && one.verdict === wanted).map(({ name }) => name);
  return {
    verdict,
    broken: Object.fromEntries(failed.map(({ name, violations }) => [name, violations])),
    doubts: assumptions.filter((one) => one.verdict !== 'pass').map(({ name, sentence }) => `${name}: ${sentence}`),
    kept: aimed('pass'),
    untested: aimed('unknown'),
    findings: findings.map(({ fingerprint, title, known_race, occurrences }) => ({
      fingerprint,
      title,
      known_race,
      occurrences,
    })),
    load_s: load_seconds,
    counts: Object.fromEntries(Object.entries(counts).filter(([, value]) => value !== 0)) as Judgement['counts'],
  };
}

/**
 * Of the new build: a violation after the migration is a failure, whatever the old build did. An invariant must have
 * been exercised in one of its phases, not in each; an upgrade that did not get to its end cannot pass.
 */
export function upgradeVerdict({ phases, state }: Pick<Upgrade, 'phases' | 'state'>): Verdict {
  const after = phases.filter(({ name }) => name !== 'before').map(({ judged }) => judged);
  if (after.some((judged) => judged?.verdict === 'fail')) return 'fail';
  const isSound = after.length === 2 && after.every((judged) => judged?.doubts.length === 0);
  return isSound && state === 'completed' && untestedAfter({ phases }).length === 0 ? 'pass' : 'unknown';
}

/** Invariants that the scenario aims at and no phase of the new build exercised. */
export function untestedAfter({ phases }: Pick<Upgrade, 'phases'>): string[] {
  const after = phases.flatMap(({ name, judged }) => (name === 'before' || judged === null ? [] : [judged]));
  const kept = new Set(after.flatMap((judged) => judged.kept));
  return [...new Set(after.flatMap((judged) => judged.untested))].filter((name) => !kept.has(name));
}
