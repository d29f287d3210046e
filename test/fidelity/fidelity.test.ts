import { beforeAll, describe, expect, test } from 'vitest';

import { workerClient } from '../../harness/worker/client.ts';
import { CASES } from './cases.ts';
import { compare, resendsOf, restsOf } from './compare.ts';
import { DIFFERENCES, NOT_PLAYED } from './differences.ts';
import { isPlayed, playLives } from './play-life.ts';
import { RELEASES, type Recording, readRecording } from './recording.ts';

/** A life does what the real worker of each release was recorded to do: what differs is listed in differences.ts. */

const lives = new Map<string, Recording>();
beforeAll(async () => {
  const played = CASES.filter(isPlayed);
  for (const release of RELEASES) lives.set(release, await playLives(release, played));
});

const livesOf = (release: string) => lives.get(release) as Recording;
const comparisonOf = (release: string) =>
  compare(release, readRecording(release).cases, livesOf(release).cases, DIFFERENCES);

test('each case is recorded of each release, and played by lives unless it says why not', () => {
  const names = CASES.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const release of RELEASES) expect(Object.keys(readRecording(release).cases), release).toEqual(names);
  expect(names.filter((name) => name in NOT_PLAYED)).toEqual(
    CASES.filter((one) => !isPlayed(one)).map(({ name }) => name),
  );
  expect(names.length - Object.keys(NOT_PLAYED).length).toBeGreaterThanOrEqual(30);
});

describe.each(RELEASES)('the worker of %s', (release) => {
  test('and a life send the same, but for what is listed', () => {
    expect(comparisonOf(release).unlisted).toEqual([]);
  });

  test('and a life have the same headers', () => {
    const { 'user-agent': real, ...others } = readRecording(release).headers;
    const { 'user-agent': ours, ...same } = livesOf(release).headers;
    expect(same).toEqual(others);
    // The version of Python is the machine's.
    expect(ours?.split(' ')[0]).toBe(real?.split(' ')[0]);
  });

  // The machine of the recording was busy: a real wait is as long as asked, or longer.
  test.each([
    ['the real one', 2, (name: string) => readRecording(release).cases[name]],
    ['a life', 0.01, (name: string) => livesOf(release).cases[name]],
  ])('%s waits as long as it should', (_, late, playedOf) => {
    const all = CASES.filter(isPlayed).flatMap(({ name }) => playedOf(name) ?? []);
    const { retriesBeats } = workerClient(release);
    const resends = all.flatMap((played) => resendsOf(played, retriesBeats));
    expect(resends.length).toBeGreaterThan(30);
    const wrong = resends.filter(({ n, waited }) => waited < 0.99 || waited > 2 ** (n - 1) + late);
    expect(wrong).toEqual([]);
    const [quiet] = ['beats for 12 s'].flatMap((name) => playedOf(name) ?? []);
    const rests = quiet ? restsOf(quiet) : [];
    expect(rests.length).toBeGreaterThan(0);
    expect(rests.filter((rest) => rest < 4.99 || rest >= 10 + late)).toEqual([]);
  });
});

test('each listed difference is seen', () => {
  const seen = new Set(RELEASES.flatMap((release) => [...comparisonOf(release).seen]));
  expect(DIFFERENCES.filter((difference) => !seen.has(difference))).toEqual([]);
  for (const { releases = [] } of DIFFERENCES) for (const release of releases) expect(RELEASES).toContain(release);
});
