import { expect, test } from 'vitest';

import {
  baseline,
  knownEntry,
  LOCKED,
  observation,
  observedFinding,
  SKIP,
  skipping,
} from '../testing/known-fixture.ts';
import { findingsAgainst } from './against.ts';
import type { Observation } from './observation.ts';
import { resultOf } from './result.ts';

const statuses = (known: Parameters<typeof findingsAgainst>[0], runs: readonly Observation[]) =>
  findingsAgainst(known, runs).map(({ status, fingerprint }) => [status, fingerprint]);
const clean = { exceeded: [], otherwise: 'pass' } as const;

test('a finding of the file is still there, one that the file does not have is new, and only that fails', () => {
  const locked = observedFinding({ id: 'F2', fingerprint: '9cbbec80', known_race: null, marks: [LOCKED] });
  const run = observation({ findings: [observedFinding(), locked] });
  const known = baseline([knownEntry()]);
  expect(statuses(known, [run])).toEqual([
    ['new', '9cbbec80'],
    ['still there', 'afd9643a'],
  ]);
  expect(resultOf(known, [run], clean)).toMatchObject({
    verdict: 'fail',
    sentence: expect.stringMatching(/^New: .*\[9cbbec80\]; still there: #63266\.$/),
  });
  expect(resultOf(known, [skipping(4)], clean)).toMatchObject({
    verdict: 'pass',
    sentence: 'Nothing is new or worse; still there: #63266.',
  });
  expect(resultOf(known, [skipping(4)], { exceeded: [], otherwise: 'unknown' }).verdict).toBe('unknown');
});

test('a finding that is known of other builds only is new on this one', () => {
  const [found] = findingsAgainst(baseline([knownEntry()]), [skipping(4, { version: '3.3.2' })]);
  expect(found).toMatchObject({
    status: 'new',
    name: '#63266',
    sentence: expect.stringMatching(/known of airflow@3.1.8 only/),
  });
});

test('one mechanism under another fingerprint is the same finding, by a mark that they share', () => {
  const other = { invariant: 'acknowledged-is-durable', variant: 'scheduler' };
  const entry = knownEntry({ name: null, marks: [{ ...SKIP, variant: 'scheduler' }, other] });
  const later = observedFinding({ fingerprint: '00000000', known_race: 'named since', marks: [other] });
  expect(statuses(baseline([entry]), [observation({ findings: [later] })])).toEqual([['still there', 'afd9643a']]);
  const elsewhere = observedFinding({ fingerprint: '00000000', marks: [{ ...other, variant: 'api-core' }] });
  expect(statuses(baseline([entry]), [observation({ findings: [elsewhere] })])[0]).toEqual(['new', '00000000']);
});

test('worse is a rate beyond what differs between runs, of the same scenario and of runs that can be trusted', () => {
  const known = baseline([knownEntry()]);
  expect(findingsAgainst(known, [skipping(12)])).toMatchObject([{ status: 'still there' }]);
  const many = [skipping(60), skipping(70), skipping(80)];
  const [worse] = findingsAgainst(known, many);
  expect(worse).toMatchObject({ status: 'worse', seen: { occurrences: 210, load_s: 180 }, runs: 3 });
  expect(worse?.p_adjusted).toBeLessThan(0.05);
  expect(worse?.sentence).toBe('more often than in any run of the file: 9 in 60 s → 210 in 3 min, p = 0.0012');
  expect(resultOf(known, many, clean)).toMatchObject({ verdict: 'fail', sentence: 'Worse: #63266.' });
  const late = many.map((run) => ({ ...run, valid: false }));
  expect(findingsAgainst(known, late)).toMatchObject([{ status: 'still there', p_adjusted: null }]);
  const other = many.map((run) => ({ ...run, scenario: 'storm' }));
  expect(findingsAgainst(known, other)).toMatchObject([{ status: 'still there', p_adjusted: null }]);
});

test('of many findings one is not worse at random: p is corrected for all that are tested', () => {
  const findings = Array.from({ length: 20 }, (_, i) => {
    const fingerprint = `0000000${i.toString(36)}`.slice(-8);
    return observedFinding({ id: `F${i}`, fingerprint, marks: [{ invariant: 'x', variant: `${i}` }], occurrences: 9 });
  });
  const entries = findings.map(({ fingerprint, marks }) => knownEntry({ fingerprint, marks }));
  const high = findings.map((finding, i) => (i === 0 ? { ...finding, occurrences: 60 } : finding));
  const alone = findingsAgainst(baseline(entries.slice(0, 1)), [observation({ findings: high.slice(0, 1) })]);
  const among = findingsAgainst(baseline(entries), [observation({ findings: high })]);
  const p = (all: typeof alone) => all.find(({ fingerprint }) => fingerprint === entries[0]?.fingerprint)?.p_adjusted;
  expect(p(among)).toBeCloseTo(Math.min(1, 20 * (p(alone) ?? 0)), 5);
});

test('what was exercised and did not occur is not seen, and gone after so many nights; the rest says nothing', () => {
  const quiet = observation({ night: '2026-11-23' });
  const known = (absent: string[]) => baseline([knownEntry({ absent })]);
  expect(findingsAgainst(known([]), [quiet])).toMatchObject([{ status: 'not seen', absent: 1 }]);
  expect(findingsAgainst(known(['2026-11-21', '2026-11-22']), [quiet])).toMatchObject([{ status: 'gone', absent: 3 }]);
  // The same night once more.
  expect(findingsAgainst(known(['2026-11-21', '2026-11-23']), [quiet])).toMatchObject([{ status: 'not seen' }]);
  for (const other of [{ valid: false }, { scenario: 'storm' }, { kept: [] }]) {
    expect(findingsAgainst(known([]), [{ ...quiet, ...other }])).toMatchObject([{ status: 'not exercised' }]);
  }
  // Of another build it says nothing at all.
  expect(findingsAgainst(known([]), [observation({ version: '3.2.2' })])).toEqual([]);
});

test('what was gone and comes back is new', () => {
  const known = baseline([knownEntry({ absent: ['2026-11-21', '2026-11-22', '2026-11-23'] })]);
  expect(findingsAgainst(known, [skipping(1, { night: '2026-11-24' })])).toMatchObject([
    { status: 'new', sentence: expect.stringMatching(/it was gone \(last seen on 2026-11-20\) and came back/) },
  ]);
});

test('a violation that could not be grouped may be new: unknown, never a pass', () => {
  const result = resultOf(baseline([]), [observation({ ungrouped: ['error-contract'] })], clean);
  expect(result).toMatchObject({ verdict: 'unknown', sentence: expect.stringMatching(/error-contract could not be/) });
});

test('a threshold that is exceeded is a failure, known or not', () => {
  const result = resultOf(baseline([]), [observation()], { exceeded: ['deadlocks'], otherwise: 'pass' });
  expect(result).toMatchObject({ verdict: 'fail', sentence: 'Exceeded: deadlocks.' });
});
