import { expect, test } from 'vitest';

import { Shares } from './shares.ts';

test('a task that comes first and often leaves real workers to the others', () => {
  const shares = new Shares(4);
  const took = (tasks: readonly string[]) => tasks.filter((task) => shares.take(task)).join(' ');
  expect(took(['early', 'early', 'early', 'early'])).toBe('early early');
  expect(took(['branch', 'branch', 'other', 'other'])).toBe('branch branch other other');
  // One that never comes does not keep the others waiting.
  expect(took(['early', 'branch', 'other'])).toBe('early branch other');
});

test('the only task has all of them', () => {
  const shares = new Shares(1);
  expect(['a', 'a', 'a', 'a'].every((task) => shares.take(task))).toBe(true);
});
