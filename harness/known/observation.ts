import type { Finding } from '../model/finding.ts';
import type { KnownEntry, KnownFile, KnownMark } from '../model/known.ts';
import type { Manifest } from '../model/manifest.ts';
import { isValidRun, type Judgement } from '../model/verdict.ts';
import { coversBuild, type TestedBuild, testedBuild } from './builds.ts';

/** What is compared of a run with known findings: small, because a soak has hundreds of windows. */
export interface Observation {
  readonly id: string;
  readonly build: TestedBuild;
  readonly scenario: string;
  /** The day on which it began, UTC: `2026-11-30`. */
  readonly night: string;
  readonly load_s: number;
  /** It was recorded to its end: of one that is under way or was killed much looks like a violation. */
  readonly whole: boolean;
  /** Its assumptions hold: only then its rates count, and what it does not show. */
  readonly valid: boolean;
  readonly findings: readonly ObservedFinding[];
  /** Invariants that it exercised enough and did not violate. */
  readonly kept: readonly string[];
  /** Violated invariants that are in no finding, because grouping them was not possible. */
  readonly ungrouped: readonly string[];
}

export interface ObservedFinding {
  readonly id: string;
  readonly fingerprint: string;
  readonly title: string;
  readonly known_race: string | null;
  readonly marks: readonly KnownMark[];
  readonly occurrences: number;
}

/** What of a judgement is read: also of one that was stored. */
export type Observed = Pick<
  Judgement,
  'build' | 'scenario' | 'load_seconds' | 'assumptions' | 'findings' | 'invariants'
>;

export type ObservedManifest = Pick<Manifest, 'id' | 'identity' | 'started_at' | 'ended'>;

export function observe(judged: Observed, manifest: ObservedManifest): Observation {
  const { build, scenario, load_seconds, findings, invariants } = judged;
  const grouped = new Set(findings.flatMap((finding) => finding.invariants.map(({ name }) => name)));
  const named = (verdict: string) => invariants.filter((one) => one.verdict === verdict).map(({ name }) => name);
  return {
    // Six digits alone are the same twice among some thousand runs.
    id: `${manifest.started_at.replace(/[-:]|\..*$/g, '')}-${manifest.id}`,
    build: testedBuild(build, manifest.identity),
    scenario,
    night: manifest.started_at.slice(0, 10),
    load_s: load_seconds,
    whole: manifest.ended !== null,
    valid: isValidRun(judged),
    findings: findings.map((finding) => observedFinding(finding, invariants)),
    kept: named('pass'),
    ungrouped: named('fail').filter((name) => !grouped.has(name)),
  };
}

/**
 * A finding is named after the most frequent of the violations that are nearest to its cause. Another run may show one
 * mechanism (the variant) by another of its invariants only, so all of them are its marks, the root first.
 */
function observedFinding(finding: Finding, invariants: Observed['invariants']): ObservedFinding {
  const { id, fingerprint, title, known_race, root, occurrences } = finding;
  const others = finding.invariants.flatMap(({ name }) => {
    const variants = invariants.find((one) => one.name === name)?.variants ?? {};
    return name !== root.invariant && root.variant in variants ? [{ invariant: name, variant: root.variant }] : [];
  });
  return { id, fingerprint, title, known_race, marks: [root, ...others], occurrences };
}

/** The entry of the file that is this finding, on whichever build. */
export function entryOf(
  { fingerprint, marks }: Pick<ObservedFinding, 'fingerprint' | 'marks'>,
  entries: readonly KnownEntry[],
): KnownEntry | undefined {
  return (
    entries.find((entry) => entry.fingerprint === fingerprint) ??
    entries.find((entry) => entry.marks.some((known) => marks.some((mark) => isSameMark(mark, known))))
  );
}

export function isSameMark(a: KnownMark, b: KnownMark): boolean {
  return a.invariant === b.invariant && a.variant === b.variant;
}

/**
 * Whether a run could have shown an entry: its build and a scenario that has shown it, with the invariant exercised.
 * What the entry was never seen with says nothing.
 */
export function exercises({ valid, build, scenario, kept }: Observation, entry: KnownEntry): boolean {
  const [root] = entry.marks;
  const seenIn = entry.highest.some((one) => one.scenario === scenario);
  return valid && seenIn && coversBuild(entry.builds, build) && root !== undefined && kept.includes(root.invariant);
}

/** Nights without it after which an entry is gone. */
export function expiresAfter(entry: KnownEntry, { expires_after }: KnownFile): number {
  return entry.expires_after ?? expires_after;
}
