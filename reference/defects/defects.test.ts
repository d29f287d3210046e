import pg from 'pg';
import { expect, test } from 'vitest';

import { listInvariants } from '../../harness/judge/invariants.ts';
import { SCENARIOS } from '../../harness/run/catalogue.ts';
import { normal } from '../normal.ts';
import { chosenDefects, DEFECTS, withDefects } from './index.ts';

const names = DEFECTS.map(({ name }) => name);

test('every defect has a name of its own', () => {
  expect(new Set(names).size).toBe(names.length);
  expect(names.filter((name) => !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name))).toEqual([]);
});

test('every defect names invariants and a scenario that there are', async () => {
  const invariants = new Set((await listInvariants()).map(({ name }) => name));
  const scenarios = new Set(SCENARIOS.map(({ name }) => name));
  const wrong = DEFECTS.flatMap(({ name, caughtBy, scenario }) => [
    ...caughtBy.filter((invariant) => !invariants.has(invariant)).map((invariant) => `${name}: no ${invariant}`),
    ...(scenarios.has(scenario) ? [] : [`${name}: no scenario ${scenario}`]),
  ]);
  expect(wrong).toEqual([]);
});

test('what is neither caught nor a cure nor a circumstance is no defect', () => {
  const idle = DEFECTS.filter(({ kind, caughtBy }) => kind === undefined && caughtBy.length === 0);
  expect(idle.map(({ name }) => name)).toEqual([]);
});

test('every defect changes the behaviour, in members that there are', () => {
  for (const defect of DEFECTS) {
    const changed = Object.keys(defect.change(normal));
    expect(changed.length, defect.name).toBeGreaterThan(0);
    expect(
      changed.filter((member) => !(member in normal)),
      defect.name,
    ).toEqual([]);
  }
});

test('a defect brings what it stands on, below itself', () => {
  const chosen = chosenDefects(['deadlock-503']);
  expect(chosen.map(({ name }) => name)).toEqual(['retryable-is-500', 'state-lock-joined', 'deadlock-503']);
  const behaviour = withDefects(normal, chosen);
  const deadlock = Object.assign(new pg.DatabaseError('deadlock detected', 0, 'error'), { code: '40P01' });
  expect(behaviour.lockForState).not.toBe(normal.lockForState);
  expect(behaviour.failureReply(deadlock).status).toBe(503);
  expect(behaviour.failureReply(new Error('another')).status).toBe(500);
});

test('names that there are not are all said at once', () => {
  expect(() => chosenDefects(['nonsense', 'rtif-merge', 'more-nonsense'])).toThrow(/"nonsense".*"more-nonsense"/);
});
