import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { findPlaces } from '../harness/model/airflow/source.ts';
import { KNOWN_RACES } from '../harness/races/index.ts';
import { installAirflow } from '../harness/stacks/airflow/install.ts';
import { installedSource } from '../harness/stacks/airflow/installed-source.ts';
import { whyNoAirflow, windtunnel } from './airflow.ts';

const why = await whyNoAirflow();
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'wt-exported-tests-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const PAIRS = [
  ['63266', '3.1.8', '3.2.1'],
  ['60330', '3.1.8', '3.2.1'],
  ['63581', '3.2.2', '3.3.2'],
  ['66734', '3.2.1', '3.2.2'],
] as const;
const options = { timeout: 3_000_000 };

test.skipIf(why !== undefined).each(PAIRS)('the test of #%s fails on %s and passes on %s', options, async (...pair) => {
  const [race, has, hasNot] = pair;
  const { code, stdout, stderr } = await windtunnel(['export', race, '--as', 'pytest'], folder);
  expect({ code, stdout, stderr }).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/It fails where the race is/),
  });
  expect(stdout).toMatch(new RegExp(`airflow@${has} +red[\\s\\S]*airflow@${hasNot} +green`));
  expect(readdirSync(path.join(folder, `pytest-${race}`)).sort()).toEqual(['conftest.py', `test_${race}.py`]);
});

test.skipIf(why !== undefined)('a test that passes where it must fail is no success', options, async () => {
  const words = ['export', '63266', '--as', 'pytest', '--build', 'airflow@3.2.1', '--out', 'both'];
  const { code, stdout } = await windtunnel([...words, '--passes-on', 'airflow@3.2.1'], folder);
  expect({ code, stdout }).toMatchObject({ code: 3, stdout: expect.stringMatching(/it must be red/) });
});

test(
  'of a race an issue is played first, and counts the build that has it and the one that has not',
  options,
  async () => {
    const builds = ['--build', 'reference+rtif-merge', '--passes-on', 'reference'];
    const words = ['export', '63581', '--as', 'airflow-issue', ...builds, '--times', '2'];
    const issue = await windtunnel([...words, '--out', 'issue.md'], folder);
    expect(issue.code, issue.stderr).toBe(0);
    const text = readFileSync(path.join(folder, 'issue.md'), 'utf8');
    expect(text).toMatch(/^\| reference\S+rtif-merge \| 2 of 2 episodes \|/m);
    expect(text).toMatch(/^\| reference \| 0 of 2 episodes \|/m);

    const healthy = ['export', '63581', '--as', 'airflow-issue', '--build', 'reference', '--times', '1'];
    const none = await windtunnel(healthy, folder);
    expect(none).toMatchObject({ code: 3, stdout: '', stderr: expect.stringMatching(/No issue was written/) });
  },
);

const placed = KNOWN_RACES.filter(({ places }) => places !== undefined).map((race) => ({
  ...race,
  build: race.trial?.has[0],
}));
test.skipIf(why !== undefined).each(placed)(
  '$name has its statements in the source of $build',
  options,
  async (race) => {
    const version = race.build?.replace('airflow@', '') ?? '';
    const install = await installAirflow(version, { log: () => undefined, signal: AbortSignal.timeout(600_000) });
    const source = (await installedSource(install.packagesHash)) ?? '';
    const read = (file: string) =>
      existsSync(path.join(source, file)) ? readFileSync(path.join(source, file), 'utf8') : undefined;
    const found = findPlaces(race.places ?? [], read);
    expect(found.length).toBeGreaterThan(0);
    expect(found.filter(({ line }) => line === null)).toEqual([]);
  },
);
