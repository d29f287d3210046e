import { expect, test } from 'vitest';

import type { ExportedTest, TestOutcome } from '../../harness/model/exported-test.ts';
import { exportedTestText } from './exported-test.ts';

const outcome = (kind: TestOutcome['kind'], lines: readonly string[], passed = 0): TestOutcome => ({
  ...{ kind, lines, passed },
  output: '',
});
const shown = (red: TestOutcome, green: TestOutcome) => {
  const builds: ExportedTest['builds'] = [
    { build: 'airflow@3.1.8', wanted: 'failed', outcome: red },
    { build: 'airflow@3.2.1', wanted: 'passed', outcome: green },
  ];
  return exportedTestText({ race: '#1', file: 'out/test_1.py', because: 'is skipped', builds }, { color: false });
};
const RED = outcome('failed', ['test_it - it is skipped']);
const GREEN = outcome('passed', [], 1);

test('red where the race is and green where it is not shows it', () => {
  expect(shown(RED, GREEN)).toBe(
    [
      '#1  out/test_1.py',
      '  airflow@3.1.8     red  1 failed, 0 passed',
      '    test_it - it is skipped',
      '  airflow@3.2.1     green  1 passed',
      'It fails where the race is, and passes where it is not.',
    ].join('\n'),
  );
});

test('anything else does not, and what is wrong is said', () => {
  expect(shown(GREEN, GREEN)).toMatch(/3\.1\.8 +green {2}1 passed; it must be red\n[\s\S]*does not show the race/);
  expect(shown(RED, RED)).toMatch(
    /3\.2\.1 +red {2}1 failed, 0 passed; it must be green\n[\s\S]*does not show the race/,
  );
  expect(shown(outcome('error', ['no module']), GREEN)).toMatch(
    /error {2}[\s\S]*must be red\n {4}no module\n[\s\S]*not show/,
  );
});

test('a failure for another reason is not the race', () => {
  const other = outcome('failed', ['test_it - it is skipped', 'test_more - OperationalError']);
  expect(shown(other, GREEN)).toMatch(/must fail with "is skipped" where the race is/);
});
