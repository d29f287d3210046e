import { readFileSync } from 'node:fs';
import path from 'node:path';

import { expect, test } from 'vitest';

import { keptPatches } from '../harness/stacks/airflow/kept-patches.ts';
import { readPatch } from '../harness/stacks/airflow/patch-file.ts';
import { knownReleases } from '../harness/stacks/airflow/releases.ts';
import { knownBuild } from '../harness/stacks/start-build.ts';

const patches = keptPatches();
const readme = readFileSync(path.join(import.meta.dirname, '..', 'patches', 'README.md'), 'utf8');

test('there are patches', () => {
  expect(patches.length).toBeGreaterThan(2);
});

test.each(patches)('$build is laid out as patches/README.md says', ({ release, file, build, says }) => {
  const text = readFileSync(file, 'utf8');
  const [issue = ''] = path.basename(file).split('-');
  expect(path.relative(path.dirname(path.dirname(file)), file)).toMatch(/^\d+\.\d+\.\d+\/\d+(-[a-z0-9]+)+\.patch$/);
  expect(knownReleases()).toContain(release);
  expect(says).toMatch(new RegExp(`^\\S.{20,}\\(#${issue}\\)$`));
  const [head = ''] = text.split(/^(?:diff|---) /m);
  // Beyond the first line: what the release does without it.
  expect(head.trim().split('\n').slice(2).join(' ').length).toBeGreaterThan(60);
  expect(head.split('\n').filter((line) => line.length > 120)).toEqual([]);
  expect(readme).toContain(`](${release}/${path.basename(file)})`);
  expect(() => knownBuild(build)).not.toThrow();
  const { changes, leftOut } = readPatch(file);
  expect(changes.length).toBeGreaterThan(0);
  expect(leftOut).toEqual([]);
  expect(changes.every(({ file: changed }) => /^[\w-]+\/(\w+\/)*src\/airflow\//.test(changed))).toBe(true);
});
