import type { ComparedFinding } from '../model/comparison.ts';
import type { Finding } from '../model/finding.ts';
import type { Judgement } from '../model/verdict.ts';

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
