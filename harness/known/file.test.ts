import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { expect, test } from 'vitest';

import { UsageError } from '../model/errors.ts';
import { baseline, knownEntry } from '../testing/known-fixture.ts';
import { knownText, parseKnown } from './file.ts';

const problems = (text: string): string => {
  try {
    parseKnown('known.yaml', text);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  return '';
};
const good = knownText(baseline([knownEntry()]).file);

test('all that is wrong with a file is said at once, each with its place', () => {
  const bad = good
    .replace('since: 2026-11-20', 'since: yesterday')
    .replace('runs: 3', 'runs: none')
    .replace('expires_after: 3', 'expires_after: 0')
    .replace('name:', 'nmae:');
  const said = problems(bad);
  expect(said).toMatch(/^known\.yaml has 5 problems:\n/);
  for (const part of [
    /findings\.0\.since: must be a day like/,
    /findings\.0\.runs: must be a whole number|findings\.0\.runs: must be a number/,
    /expires_after: must be more than 0/,
    /findings\.0\.name: must be/,
    /there is no "nmae" \(did you mean|there is no "nmae"/,
  ]) {
    expect(said).toMatch(part);
  }
});

test('entries that contradict themselves or each other', () => {
  const entries = [
    knownEntry({ builds: ['airflow@3.2.1..3.1.8'], since: '2026-12-01' }),
    knownEntry({ fingerprint: '00000001' }),
  ];
  expect(problems(knownText(baseline(entries).file))).toBe(
    [
      'known.yaml has 3 problems:',
      '  - findings.0.builds.0: "airflow@3.2.1..3.1.8" ends before it begins',
      '  - findings.0.since: is after last_seen',
      '  - findings.1.marks: has a mark that entry 0 has, too: join the two',
    ].join('\n'),
  );
  const twice = knownText(baseline([knownEntry(), knownEntry()]).file);
  expect(problems(twice)).toMatch(/findings\.1: is the fingerprint of entry 0 again/);
});

test.each([
  ['format: 2\nfuture: true\n', 'known.yaml is of format 2, and this windtunnel reads format 1: use a newer one.'],
  ['hello', /holds no known findings \(it states no format\)/],
  ['', /holds no known findings/],
  ['format: [1', /^known\.yaml is no YAML: /],
  ['a: &a [x]\nb: *a\nformat: 1', /known\.yaml/],
])('%j is refused in one sentence', (text, wanted) => {
  const said = problems(text);
  if (typeof wanted === 'string') expect(said).toBe(wanted);
  else expect(said).toMatch(wanted);
  expect(said.split('\n').length).toBeLessThan(4);
});

test('the files of records/known are what `windtunnel known` would write of them', () => {
  const folder = path.join(import.meta.dirname, '..', '..', 'records', 'known');
  const files = readdirSync(folder);
  expect(files.length).toBeGreaterThan(3);
  for (const file of files) {
    const text = readFileSync(path.join(folder, file), 'utf8');
    expect(knownText(parseKnown(file, text)), file).toBe(text);
  }
});
