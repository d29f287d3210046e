import type { ComparedConflict, ComparedFinding, ComparedInvariant, ComparisonSide } from '../model/comparison.ts';
import type { Finding } from '../model/finding.ts';
import { groupBy } from '../model/group-by.ts';
import {
  type ConflictCount,
  type InvariantResult,
  isValidRun,
  type Judgement,
  type Verdict,
} from '../model/verdict.ts';

const RANK: Record<Verdict, number> = { pass: 0, unknown: 1, fail: 2 };

/** A violation outweighs doubt, doubt outweighs a pass. */
export function worst(verdicts: Iterable<Verdict>): Verdict {
  let result: Verdict = 'pass';
  for (const verdict of verdicts) if (RANK[verdict] > RANK[result]) result = verdict;
  return result;
}

/** The runs of one build, as one. */
export function sideOf(runs: readonly Judgement[]): ComparisonSide {
  const shares = runs.flatMap(({ harness_cpu_share: share }) => (share === null ? [] : [share]));
  const firsts = runs.flatMap(({ first_violation_s: first }) => (first === null ? [] : [first]));
  return {
    build: unique(runs.map(({ build }) => build)),
    scenario: unique(runs.map(({ scenario }) => scenario)),
    verdict: runs.length === 0 ? 'unknown' : worst(runs.map(({ verdict }) => verdict)),
    runs: runs.map(({ run, seed, verdict, load_seconds, first_violation_s, counts }) => ({
      run,
      seed,
      verdict,
      load_seconds,
      first_violation_s,
      counts,
    })),
    load_seconds: runs.reduce((sum, { load_seconds }) => sum + load_seconds, 0),
    invariants: mergedInvariants(runs),
    assumptions: mergedAssumptions(runs),
    counts: summed(runs.map(({ counts }) => counts)),
    conflicts: mergedConflicts(runs),
    first_violation_s: firsts.length === 0 ? null : Math.min(...firsts),
    harness_cpu_share: shares.length === 0 ? null : Math.max(...shares),
  };
}

function mergedConflicts(runs: readonly Judgement[]): ComparedConflict[] {
  const minutes = runs.reduce((sum, { load_seconds }) => sum + load_seconds, 0) / 60;
  const all = groupBy(
    runs.flatMap(({ conflicts = [] }) => conflicts),
    ({ kind, found_state, reason }) => JSON.stringify([kind, found_state, reason]),
  );
  return [...all.values()].flatMap((same) => {
    const [first] = same;
    if (first === undefined) return [];
    const total = (of: (one: ConflictCount) => number) => same.reduce((sum, one) => sum + of(one), 0);
    const count = total((one) => one.count);
    const per_minute = minutes > 0 ? count / minutes : null;
    return [{ ...first, count, per_minute, violations: total((one) => one.violations), runs: same.length }];
  });
}

function mergedInvariants(runs: readonly Judgement[]): ComparedInvariant[] {
  const results = runs.flatMap((run) => run.invariants.map((invariant): Result => ({ invariant, run })));
  const byName = groupBy(results, ({ invariant }) => invariant.name);
  return [...byName].map(([name, results]) => ({
    name,
    claim: results[0]?.invariant.claim ?? '',
    verdict: mergedVerdict(results),
    aimed: results.some(({ invariant }) => invariant.aimed),
    violations: results.reduce((sum, { invariant }) => sum + invariant.violations, 0),
    exercised: results.reduce((sum, { invariant }) => sum + invariant.exercised, 0),
  }));
}

interface Result {
  readonly invariant: InvariantResult;
  readonly run: Judgement;
}

/** A violation counts in any run; only a valid run shows that there is none. */
function mergedVerdict(results: readonly Result[]): Verdict {
  if (results.some(({ invariant }) => invariant.verdict === 'fail')) return 'fail';
  return results.some(({ invariant, run }) => invariant.verdict === 'pass' && isValidRun(run)) ? 'pass' : 'unknown';
}

function mergedAssumptions(runs: readonly Judgement[]): { name: string; verdict: Verdict }[] {
  const byName = new Map<string, Verdict>();
  for (const { name, verdict } of runs.flatMap(({ assumptions }) => assumptions)) {
    byName.set(name, worst([verdict, byName.get(name) ?? 'pass']));
  }
  return [...byName].map(([name, verdict]) => ({ name, verdict }));
}

function summed(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums = new Map<string, number>();
  for (const counts of all) {
    for (const [name, value] of Object.entries(counts)) sums.set(name, (sums.get(name) ?? 0) + value);
  }
  return Object.fromEntries(sums);
}

function unique(values: readonly string[]): string {
  return [...new Set(values)].join(', ') || 'no run';
}

/** Causes of violations by fingerprint: what only B has first, then what both have, then what only A has. */
export function comparedFindings(a: readonly Judgement[], b: readonly Judgement[]): ComparedFinding[] {
  const all = [...a, ...b].flatMap(({ findings }) => findings);
  const kinds = new Map<string, Finding>(all.map((finding) => [finding.fingerprint, finding]));
  const compared = [...kinds.values()].map(({ fingerprint, title, known_race }) => ({
    fingerprint,
    title,
    known_race,
    a: occurrencesOf(a, fingerprint),
    b: occurrencesOf(b, fingerprint),
  }));
  const rank = (one: ComparedFinding) => (one.a.runs === 0 ? 0 : one.b.runs === 0 ? 2 : 1);
  return compared.sort((x, y) => rank(x) - rank(y) || total(y) - total(x));
}

function occurrencesOf(runs: readonly Judgement[], fingerprint: string): ComparedFinding['a'] {
  const with_it = runs.flatMap(({ findings }) => findings.filter((one) => one.fingerprint === fingerprint).slice(0, 1));
  return { occurrences: with_it.reduce((sum, { occurrences }) => sum + occurrences, 0), runs: with_it.length };
}

function total({ a, b }: ComparedFinding): number {
  return a.occurrences + b.occurrences;
}
