import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { expect, test } from 'vitest';

import { problemsOf } from '../../workloads/problems.ts';
import { episodesOf } from '../director/director.ts';
import { knownRaceNamed } from '../races/index.ts';
import { resolveReplay, scenarioOf, settingOf, shippedRaces } from './resolve.ts';

test('each race file that ships is of a known race, breaks what marks it, and is short', async () => {
  const { scripts } = await resolveReplay({ files: shippedRaces() });
  expect(scripts.length).toBeGreaterThanOrEqual(5);
  for (const { race, text, file } of scripts) {
    const known = knownRaceNamed(race.race);
    expect(known, file).toBeDefined();
    for (const [invariant, variants] of Object.entries(race.breaks)) {
      const mark = known?.marks.find((one) => one.invariant === invariant);
      const named = variants === null ? [] : [variants].flat();
      expect(
        named.filter((variant) => !(mark?.variants ?? [variant]).includes(variant)),
        file,
      ).toEqual([]);
      expect(mark, file).toBeDefined();
    }
    expect(text.trimEnd().split('\n').length, file).toBeLessThanOrEqual(30);
  }
});

test('the scenario of a script is valid, with a DAG for each episode', async () => {
  const { scripts } = await resolveReplay({ files: shippedRaces() });
  for (const script of scripts) {
    const scenario = scenarioOf(script, 3);
    expect(problemsOf(scenario), script.file).toEqual([]);
    expect(scenario.dags).toHaveLength(episodesOf(3));
  }
  const [branch] = scripts.filter(({ race }) => race.race === '#63266');
  const tasks = branch && scenarioOf(branch, 1).dags[0]?.tasks;
  expect(tasks?.map(({ task_id, skips }) => [task_id, skips])).toEqual([
    ['branch', ['d']],
    ['first', undefined],
    ['d', undefined],
  ]);
});

test('scripts of one setting share a stack', async () => {
  const { scripts } = await resolveReplay({ files: ['63266', '#66734', 'stale-heartbeat-timeout'] });
  const [a, b, c] = scripts.map(settingOf);
  expect(a).toBe(b);
  expect(c).not.toBe(a);
});

test('wrong flags, files and invariants are refused all at once', async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'wt-replay-'));
  try {
    const file = path.join(folder, 'mine.race.yaml');
    writeFileSync(file, 'race: x\ntitle: x\nbreaks: { no-deadlock: }\ndag: { d: }\nscript: [operator triggers]\n');
    const refused = await resolveReplay({ files: [file, '66743'], build: 'airflow@9', times: 0 }).catch(String);
    for (const said of [
      '--times',
      '"9" is not an Airflow version',
      'did you mean "no-deadlocks"',
      '66743',
      'did you mean "66734"',
    ])
      expect(refused).toContain(said);
    await expect(resolveReplay({ files: [] })).rejects.toThrow(/Name a file of a race, or one of .*66734/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
