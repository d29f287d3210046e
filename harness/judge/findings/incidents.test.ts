import { expect, test } from 'vitest';

import { type InvariantRank, incidentsOf, type KeptViolation, kindsOf } from './incidents.ts';

const RANKS: Readonly<Record<string, InvariantRank>> = {
  'error-contract': { seesServer: false, knownRaces: true },
  'no-deadlocks': { seesServer: true, knownRaces: true },
  'running-is-not-overwritten': { seesServer: true, knownRaces: true },
};
const rank = (invariant: string) => RANKS[invariant] ?? { seesServer: true, knownRaces: false };

function violation(v: number, invariant: string, variant: string, over: Partial<KeptViolation> = {}): KeptViolation {
  return {
    v,
    invariant,
    variant,
    at_ms: 1_000 * v,
    severity: 1,
    subject: 'd/r/t',
    sentence: '',
    operations: [v],
    commits: [],
    cause_ms: 1_000 * v,
    keys: [],
    ...over,
  };
}

test('violations that share evidence, directly or through a third, are one incident', () => {
  const incidents = incidentsOf(
    [
      violation(1, 'a', 'x', { keys: ['operation 7'] }),
      violation(2, 'b', 'y', { keys: ['operation 7', 'transaction 9'] }),
      violation(3, 'c', 'z', { keys: ['transaction 9'] }),
      violation(4, 'a', 'x', { keys: ['operation 8'] }),
    ],
    rank,
  );
  expect(incidents.map(({ members }) => members.map(({ v }) => v))).toEqual([[1, 2, 3], [4]]);
});

test('the earliest cause is the root; of one cause, what the server did before the answer that a client got', () => {
  const keys = ['deadlock 1'];
  const deadlock = violation(2, 'no-deadlocks', 'roles', { cause_ms: 500, at_ms: 500, keys });
  // Its answer is logged before the deadlock: the clocks are not the same.
  const answer = violation(1, 'error-contract', 'state 500', { cause_ms: 500, at_ms: 450, keys });
  expect(incidentsOf([answer, deadlock], rank)[0]?.root.invariant).toBe('no-deadlocks');
  const later = violation(3, 'no-deadlocks', 'roles', { cause_ms: 900, keys });
  expect(incidentsOf([later, answer], rank)[0]?.root.invariant).toBe('error-contract');
});

test('27 deadlocks of one kind are one finding with 27 occurrences, and another kind is another finding', () => {
  const deadlocks = Array.from({ length: 27 }, (_, i) => violation(i, 'no-deadlocks', 'scheduler × scheduler'));
  const kinds = kindsOf(incidentsOf([...deadlocks, violation(99, 'no-deadlocks', 'api-core × scheduler')], rank));
  expect(kinds.map(({ variant, incidents }) => [variant, incidents.length])).toEqual([
    ['scheduler × scheduler', 27],
    ['api-core × scheduler', 1],
  ]);
  expect(new Set(kinds.map(({ fingerprint }) => fingerprint)).size).toBe(2);
});

test('one mechanism that breaks different invariants each time is one finding, once they have met', () => {
  const three = (keys: readonly string[]) => [
    violation(1, 'running-is-not-overwritten', 'guard', { keys }),
    violation(2, 'acknowledged-is-durable', 'guard', { cause_ms: 1_000, keys }),
    violation(3, 'acknowledged-is-durable', 'guard'),
  ];
  expect(kindsOf(incidentsOf(three(['operation 7']), rank))).toHaveLength(1);
  expect(kindsOf(incidentsOf(three([]), rank))).toHaveLength(2);
});

test('a deadlock makes a 500, and a 500 without a deadlock is still another finding', () => {
  const keys = ['deadlock 1'];
  const kinds = kindsOf(
    incidentsOf(
      [
        violation(1, 'no-deadlocks', 'roles', { keys }),
        violation(2, 'error-contract', 'state 500', { cause_ms: 1_000, keys }),
        violation(3, 'error-contract', 'state 500'),
      ],
      rank,
    ),
  );
  expect(kinds.map(({ invariant, incidents }) => [invariant, incidents.length])).toEqual([
    ['no-deadlocks', 1],
    ['error-contract', 1],
  ]);
});

test('the variants of one known race are one finding, with the same fingerprint whichever is most frequent', () => {
  const of = (...variants: string[]) =>
    kindsOf(
      incidentsOf(
        variants.map((variant, v) => violation(v, 'rtif-last-writer-wins', variant)),
        rank,
      ),
    );
  const [one, other] = [
    of('two at once', 'two at once', 'retry of a lost answer'),
    of('two at once', 'retry of a lost answer', 'retry of a lost answer'),
  ];
  expect([one.length, other.length]).toEqual([1, 1]);
  expect(one[0]?.fingerprint).toBe(other[0]?.fingerprint);
  expect(of('two at once', 'value never written')).toHaveLength(2);
});
