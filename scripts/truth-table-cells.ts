import type { InvariantResult, Verdict } from '../harness/model/verdict.ts';

export const RELEASES = ['3.1.8', '3.2.1', '3.2.2', '3.3.2'] as const;

interface TruthRow {
  readonly invariant: string;
  /** The variant that a cell is about: violations of other variants do not count here. */
  readonly variant: string | null;
  /** One for each of the releases. */
  readonly expected: readonly ('fail' | 'pass')[];
}

export const ROWS: readonly TruthRow[] = [
  { invariant: 'running-is-not-overwritten', variant: 'skip-downstream', expected: ['fail', 'pass', 'pass', 'pass'] },
  {
    invariant: 'no-deadlocks',
    variant: 'state PATCH × dag_version UPDATE',
    expected: ['pass', 'fail', 'pass', 'pass'],
  },
  { invariant: 'rtif-last-writer-wins', variant: null, expected: ['fail', 'fail', 'fail', 'pass'] },
  { invariant: 'backfill-completes-after-its-runs', variant: null, expected: ['fail', 'fail', 'pass', 'pass'] },
];

/** What one run says of a cell, with the number of violations or, without any, of how often it was exercised. */
export function cellOf(result: InvariantResult, variant: string | null): { verdict: Verdict; number: number } {
  const hits = variant === null ? result.violations : (result.variants?.[variant] ?? 0);
  if (hits > 0) return { verdict: 'fail', number: hits };
  return { verdict: result.exercised >= result.exercised_wanted ? 'pass' : 'unknown', number: result.exercised };
}
