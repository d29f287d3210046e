import { expect, test } from 'vitest';

import { compareReleases, coversBuild, inRanges, problemOfBuilds, testedBuild, withBuild } from './builds.ts';

test('a build is its release, also with a patch, from a checkout and as a target', () => {
  const identity = { airflow: '3.4.0.dev0' };
  expect(testedBuild('airflow@3.2.1', {}).release).toBe('3.2.1');
  expect(testedBuild('airflow@3.3.2+guard.patch', {}).release).toBe('3.3.2');
  expect(testedBuild('airflow@3.3.0rc1', {}).release).toBe('3.3.0rc1');
  expect(testedBuild('airflow@./checkout', identity).release).toBe('3.4.0.dev0');
  expect(testedBuild('target', identity).release).toBe('3.4.0.dev0');
  expect(testedBuild('reference+rtif-merge', { reference: 'rtif-merge' }).release).toBeNull();
});

test.each([
  [['airflow@3.2.1'], 'airflow@3.2.1', true],
  [['airflow@3.2.1'], 'airflow@3.2.2', false],
  [['airflow@3.1.8..3.2.1'], 'airflow@3.2.0', true],
  [['airflow@3.1.8..3.2.1'], 'airflow@3.2.2', false],
  [['airflow@3.2.0..'], 'airflow@3.10.0', true],
  [['airflow@..3.2.0'], 'airflow@3.2.0rc1', true],
  [['airflow@3.2.0..'], 'airflow@3.2.0rc1', false],
  [['airflow@3.3.2'], 'airflow@3.3.2+guard.patch', true],
  [['airflow@3.3.2+guard.patch'], 'airflow@3.3.2', false],
  [['reference'], 'reference', true],
  [['reference'], 'reference+rtif-merge', false],
])('%j is of %s: %s', (words, build, wanted) => {
  expect(coversBuild(words, testedBuild(build, {}))).toBe(wanted);
});

test('what a patched release does is not known of the release', () => {
  const patched = testedBuild('airflow@3.3.2+guard.patch', {});
  expect(withBuild(['airflow@3.1.8'], patched)).toEqual(['airflow@3.1.8', 'airflow@3.3.2+guard.patch']);
  expect(withBuild(['airflow@3.3.0..'], testedBuild('target', { airflow: '3.3.2' }))).toEqual(['airflow@3.3.0..']);
});

test('releases are one range if none that was tested between them is without it', () => {
  const tested = ['3.1.8', '3.2.1', '3.2.2', '3.3.2', '3.10.0'];
  const words = ['airflow@3.3.2', 'airflow@3.1.8', 'airflow@3.2.1', 'airflow@3.10.0', 'reference'];
  expect(inRanges(words, tested)).toEqual(['airflow@3.1.8..3.2.1', 'airflow@3.3.2..3.10.0', 'reference']);
  expect(inRanges(['airflow@3.2.0..', 'airflow@3.1.8'], tested)).toEqual(['airflow@3.1.8', 'airflow@3.2.0..']);
});

test('releases in the order in which they come out', () => {
  const order = ['3.2.0.dev1', '3.2.0b2', '3.2.0b10', '3.2.0rc1', '3.2.0', '3.2.1', '3.10.0'];
  expect(order.toReversed().sort(compareReleases)).toEqual(order);
});

test('what is no range is said', () => {
  expect(problemOfBuilds('airflow@3.2.1..3.1.8')).toMatch(/ends before it begins/);
  expect(problemOfBuilds('airflow@..')).toMatch(/is no range of releases/);
  expect(problemOfBuilds('3.1.8..3.2.1')).toMatch(/is no range of releases/);
  expect(problemOfBuilds('airflow@3.1.8..3.2.1')).toBeUndefined();
});
