import type { KnownBaseline } from '../known/against.ts';
import { observe } from '../known/observation.ts';
import { resultOf } from '../known/result.ts';
import type { Comparison, ComparisonSide } from '../model/comparison.ts';
import { isValidRun, type Judgement } from '../model/verdict.ts';
import { readManifest } from '../run-folder/manifest.ts';

/** A comparison in which each side is compared with known findings, too. That changes nothing of its decision. */
export async function withKnown(
  comparison: Comparison,
  judged: readonly (readonly Judgement[])[],
  baseline: KnownBaseline,
): Promise<Comparison> {
  const sides = [comparison.a, ...comparison.pairs.map(({ b }) => b)];
  const [a = comparison.a, ...others] = await Promise.all(
    sides.map((side, index) => knownSide(side, judged[index] ?? [], baseline)),
  );
  const pairs = comparison.pairs.map((pair, index) => ({ ...pair, b: others[index] ?? pair.b }));
  return { ...comparison, a, b: others[0] ?? comparison.b, pairs };
}

async function knownSide(
  side: ComparisonSide,
  runs: readonly Judgement[],
  baseline: KnownBaseline,
): Promise<ComparisonSide> {
  const observed = await Promise.all(runs.map(async (run) => observe(run, await readManifest(run.run))));
  const exceeded = runs.flatMap(({ thresholds }) => thresholds.filter(({ verdict }) => verdict === 'fail'));
  const isTested = side.invariants.every(({ aimed, verdict }) => !aimed || verdict !== 'unknown');
  const known = resultOf(baseline, observed, {
    exceeded: [...new Set(exceeded.map(({ metric }) => metric))],
    otherwise: isTested && runs.some(isValidRun) ? 'pass' : 'unknown',
  });
  return { ...side, known };
}
