import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import type { Replay } from '../harness/model/replay.ts';
import { KNOWN_RACES, scriptBuilds } from '../harness/races/index.ts';
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
  reference === null
    ? []
    : [
        { race, build: reference, isBroken: true },
        { race, build: 'reference', isBroken: false },
      ],
);
const ofReleases: readonly Expected[] = races.flatMap((race) => {
  const builds = scriptBuilds(race);
  if (!builds) return [];
  const without = builds.has_not === null ? [] : [{ race: race.name, build: builds.has_not, isBroken: false }];
  return [{ race: race.name, build: builds.has, isBroken: true }, ...without];
});
/** Those of one build share its stacks. */
const groups = [...new Set([...ofReference, ...ofReleases].map(({ build }) => build))].map((build) => ({
  build,
  its: [...ofReference, ...ofReleases].filter((one) => one.build === build),
}));

let cwd: string;
beforeAll(() => {
  cwd = mkdtempSync(path.join(tmpdir(), 'windtunnel-replays-'));
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

test('there is a file for most races, and most are played on the reference stack, too', () => {
  expect(ofReference.length).toBeGreaterThan(16);
  expect(ofReleases.length).toBeGreaterThan(20);
});

// One build: `-t "airflow@3.2.1"`.
test.each(groups)('on $build each file comes out as the race says: broken where it is, else held', async (group) => {
  const { build, its } = group;
  const { stdout, stderr } = await windtunnel(
    ['replay', ...its.map(({ race }) => race), '--build', build, '--times', '3', '--json'],
    cwd,
  );
  expect(stdout.startsWith('{'), stderr.slice(-500)).toBe(true);
  const replay: Replay = JSON.parse(stdout);
  const otherwise = its.flatMap(({ race, isBroken }) => {
    const file = replay.files.find((one) => one.race === race);
    const isHeld = file?.outcome === 'held' || file?.outcome === 'excluded';
    const isAsExpected = isBroken ? file?.outcome === 'broken' : isHeld;
    return isAsExpected ? [] : [`${race}: ${file?.outcome ?? 'was not played'}, ${file?.why ?? ''}`];
  });
  expect(otherwise).toEqual([]);
});
