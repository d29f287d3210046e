import type { KnownBaseline } from '../known/against.ts';
import type { Observation, ObservedFinding } from '../known/observation.ts';
import type { KnownEntry, KnownFile } from '../model/known.ts';

/** Literal runs and files for the tests of known findings. */

export const SKIP = { invariant: 'running-is-not-overwritten', variant: 'skip-downstream' };
export const LOCKED = { invariant: 'no-deadlocks', variant: 'rows of dag' };

export function observedFinding(over: Partial<ObservedFinding> = {}): ObservedFinding {
  return {
    id: 'F1',
    fingerprint: 'afd9643a',
    title: 'A branch skipped tasks that a worker was running',
    known_race: '#63266',
    marks: [SKIP],
    occurrences: 4,
    ...over,
  };
}

export function observation(over: Partial<Observation> & { readonly version?: string } = {}): Observation {
  const { version = '3.1.8', night = '2026-11-20', ...given } = over;
  return {
    id: `${night}-1`,
    build: { name: `airflow@${version}`, release: version },
    scenario: 'seeds',
    night,
    load_s: 60,
    whole: true,
    valid: true,
    findings: [],
    kept: [SKIP.invariant, LOCKED.invariant],
    ungrouped: [],
    ...given,
  };
}

/** A run with the skip, so many times. */
export function skipping(occurrences: number, over: Parameters<typeof observation>[0] = {}): Observation {
  return observation({ findings: [observedFinding({ occurrences })], kept: [LOCKED.invariant], ...over });
}

export function knownEntry(over: Partial<KnownEntry> = {}): KnownEntry {
  return {
    fingerprint: 'afd9643a',
    title: 'A branch skipped tasks that a worker was running',
    name: '#63266',
    builds: ['airflow@3.1.8'],
    since: '2026-11-20',
    last_seen: '2026-11-20',
    runs: 3,
    marks: [SKIP],
    highest: [{ scenario: 'seeds', occurrences: 9, load_s: 60 }],
    absent: [],
    ...over,
  };
}

export function baseline(findings: readonly KnownEntry[], over: Partial<KnownFile> = {}): KnownBaseline {
  return {
    path: 'known.yaml',
    text: '',
    file: { format: 1, expires_after: 3, findings, sources: [], ...over },
  };
}
