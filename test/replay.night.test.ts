import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import type { Replay } from '../harness/model/replay.ts';
import { KNOWN_RACES } from '../harness/races/index.ts';
import { shippedRaces } from '../harness/replay/resolve.ts';
import { windtunnel } from './airflow.ts';

/** Each race file on a build that has the race and on one that has it not, as the race's own file says. */
vi.setConfig({ testTimeout: 3_600_000 });

const files = new Set(shippedRaces());
const races = KNOWN_RACES.filter(({ name }) => files.has(name.replace('#', '')));

interface Expected {
  readonly race: string;
  readonly build: string;
  readonly isBroken: boolean;
}

const ofReference: readonly Expected[] = races.flatMap(({ name: race, reference }) =>
  reference === null || reference === 'reference'
    ? []
    : [
        { race, build: reference, isBroken: true },
        { race, build: 'reference', isBroken: false },
      ],
);
const ofReleases: readonly Expected[] = races.flatMap(({ name: race, trial }) => [
  ...(trial ? [{ race, build: trial.has[0], isBroken: true }] : []),
  ...(trial?.has_not ? [{ race, build: trial.has_not, isBroken: false }] : []),
]);

let cwd: string;
beforeAll(() => {
  cwd = mkdtempSync(path.join(tmpdir(), 'windtunnel-replays-'));
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

/** What is otherwise than expected; each build is started once. */
async function otherwise(expected: readonly Expected[]): Promise<string[]> {
  const problems: string[] = [];
  for (const build of new Set(expected.map((one) => one.build))) {
    const its = expected.filter((one) => one.build === build);
    const { stdout, stderr } = await windtunnel(
      ['replay', ...its.map(({ race }) => race), '--build', build, '--times', '3', '--json'],
      cwd,
    );
    const replay: Replay | undefined = stdout.startsWith('{') ? JSON.parse(stdout) : undefined;
    for (const { race, isBroken } of its) {
      const file = replay?.files.find((one) => one.race === race);
      const isAsExpected = isBroken
        ? file?.outcome === 'broken'
        : file?.outcome === 'held' || file?.outcome === 'excluded';
      if (!isAsExpected)
        problems.push(`${race} on ${build}: ${file?.outcome ?? stderr.slice(-300)}, ${file?.why ?? ''}`);
    }
  }
  return problems;
}

test('on the reference stack each file breaks its defect, and not the healthy stack', async () => {
  expect(ofReference.length).toBeGreaterThan(8);
  expect(await otherwise(ofReference)).toEqual([]);
});

test('on Airflow each file breaks a release that has the race, and not one that has it not', async () => {
  expect(ofReleases.length).toBeGreaterThan(12);
  expect(await otherwise(ofReleases)).toEqual([]);
});
