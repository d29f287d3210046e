import { describe, expect, test } from 'vitest';

import { buildLabel, isOfFiles, parseBuild, recordedBuild } from './build.ts';

describe('parseBuild', () => {
  test.each([
    ['airflow@3.2.1', '3.2.1', []],
    ['airflow@3.4.0b2', '3.4.0b2', []],
    ['airflow@3.4.0rc1+a.diff', '3.4.0rc1', ['a.diff']],
    ['airflow@3.1.8+p/60330.patch+../63266.patch', '3.1.8', ['p/60330.patch', '../63266.patch']],
    ['airflow@./check+out', './check+out', []],
    ['airflow@~/a+b/airflow.lock.txt+x.patch', '~/a+b/airflow.lock.txt', ['x.patch']],
    ['airflow@x-3.4.0+local-py3-none-any.whl+x.patch', 'x-3.4.0+local-py3-none-any.whl', ['x.patch']],
    ['airflow@3.1.8+60330-guard:1a2b3c4', '3.1.8', ['60330-guard:1a2b3c4']],
  ])('%s is a version and its patches', (name, version, patches) => {
    expect(parseBuild(name)).toEqual({ kind: 'airflow', name, version, patches });
  });

  test.each([
    [
      'airflow@3.1.8+fix',
      '"fix" is not a patch: what follows a + is a file that ends in .patch or .diff, for example ',
    ],
    ['airflow@3.1.8+a.patch+fix', '"fix" is not a patch'],
    ['airflow@main', '"main" is not an Airflow version'],
    ['airflow@3.2', '"3.2" is not an Airflow version'],
    ['airflow', '"airflow" is not a build'],
  ])('refuses %s', (name, sentence) => {
    expect(() => parseBuild(name)).toThrow(sentence);
  });
});

test('a build is recorded with the short hash of each patch, and named in a folder without paths', () => {
  const patches = [
    { name: 'a', sha256: '0123456789abcdef' },
    { name: 'b', sha256: 'fedcba9876543210' },
  ];
  const recorded = recordedBuild('3.1.8', patches);
  expect(recorded).toBe('airflow@3.1.8+a:0123456+b:fedcba9');
  expect(parseBuild(recorded)).toMatchObject({ version: '3.1.8', patches: ['a:0123456', 'b:fedcba9'] });
  expect(buildLabel(parseBuild('airflow@3.1.8+/a/long/path/fix.patch+other.diff'))).toBe('airflow@3.1.8+fix+other');
});

test('what is of files is run only if the command line names it', () => {
  const all = ['3.2.1', '3.2.1+a.patch', './checkout', 'core.whl', '3.2.1+a:0123456'];
  expect(all.map((version) => isOfFiles(parseBuild(`airflow@${version}`)))).toEqual([false, true, true, true, true]);
  expect(isOfFiles(parseBuild('reference'))).toBe(false);
});
