import { expect, test } from 'vitest';

import { literalUpgrade } from '../testing/literal-upgrade.ts';
import { untestedAfter, upgradeVerdict } from './verdict.ts';

const FAILED = { verdict: 'fail', broken: { 'no-deadlocks': 3 } } as const;

test('a violation after the migration fails the upgrade, one of the old build does not', () => {
  expect(upgradeVerdict(literalUpgrade())).toBe('pass');
  expect(upgradeVerdict(literalUpgrade({ before: FAILED }))).toBe('pass');
  expect(upgradeVerdict(literalUpgrade({ wave: FAILED }))).toBe('fail');
  expect(upgradeVerdict(literalUpgrade({ ordinary: FAILED }))).toBe('fail');
  expect(upgradeVerdict(literalUpgrade({ wave: FAILED }, { state: 'interrupted' }))).toBe('fail');
});

test('an invariant must have been exercised in one phase of the new build, and doubts make it unknown', () => {
  const idle = { verdict: 'unknown', kept: [], untested: ['no-deadlocks'] } as const;
  expect(upgradeVerdict(literalUpgrade({ wave: idle }))).toBe('pass');
  expect(upgradeVerdict(literalUpgrade({ wave: idle, ordinary: idle }))).toBe('unknown');
  expect(untestedAfter(literalUpgrade({ wave: idle, ordinary: idle }))).toEqual(['no-deadlocks']);
  expect(upgradeVerdict(literalUpgrade({ wave: { verdict: 'unknown', doubts: ['fleet-kept-pace: late'] } }))).toBe(
    'unknown',
  );
});

test('an upgrade that did not get to its end cannot pass', () => {
  expect(upgradeVerdict(literalUpgrade({}, { state: 'interrupted' }))).toBe('unknown');
  expect(upgradeVerdict(literalUpgrade({ ordinary: null }))).toBe('unknown');
  const [before] = literalUpgrade().phases;
  expect(upgradeVerdict(literalUpgrade({}, { phases: before ? [before] : [] }))).toBe('unknown');
});
