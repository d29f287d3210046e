import { readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { AIRFLOW_LINES, isNewerThanKnown, isSince, lineOf, REFERENCE_LINE, TESTED_RELEASES } from './releases.ts';

test.each([
  ['3.1.0', '3.1'],
  ['3.2.2', '3.2'],
  ['3.4.0b2', '3.4'],
  ['3.4.0rc1', '3.4'],
  // Newer than all that are known: as the newest of them.
  ['3.10.0.dev0', AIRFLOW_LINES.at(-1)?.line],
  [undefined, REFERENCE_LINE],
])('the release %s is of the line %s', (version, line) => {
  expect(lineOf(version).line).toBe(line);
});

test('every release that is tested regularly is of a known line', () => {
  expect(Object.keys(TESTED_RELEASES).filter(isNewerThanKnown)).toEqual([]);
  expect(isNewerThanKnown('3.99.0')).toBe(true);
});

test('docs/builds.md has each line with the Execution API that its Task SDK asks for', () => {
  const text = readFileSync(new URL('../../../docs/builds.md', import.meta.url), 'utf8');
  const rows = [...text.matchAll(/^\| (3\.\d+) \| (\S+) \|/gm)].map(([, line, api]) => `${line} ${api}`);
  expect(rows).toEqual(AIRFLOW_LINES.map(({ line, executionApi }) => `${line} ${executionApi}`));
});

test.each([
  ['3.2.2', '3.2.2', true],
  ['3.2.10', '3.2.2', true],
  ['3.4.0b2', '3.4.0', true],
  ['3.1.8', '3.1.9', false],
  ['3.1', '3.1.9', false],
])('%s is %s or later: %s', (version, release, since) => {
  expect(isSince(version, release)).toBe(since);
});
