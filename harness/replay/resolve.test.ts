import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { expect, test } from 'vitest';

import { problemsOf } from '../../workloads/problems.ts';
import { episodeCounts } from '../director/director.ts';
import { knownRaceNamed } from '../races/index.ts';
import { median } from '../statistics/statistics.ts';
import { resolveReplay, scenarioOf, settingOf, shippedRaces } from './resolve.ts';

test('each race file that ships is of a known race, breaks what marks it, and is short', async () => {
  const { scripts } = await resolveReplay({ files: shippedRaces() });
  const lengths = scripts.map(({ text }) => text.trimEnd().split('\n').length);
  expect(scripts.length).toBeGreaterThanOrEqual(16);
  expect(median(lengths)).toBeLessThanOrEqual(20);
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
    const scenario = scenarioOf(script, episodeCounts(3, false));
    expect(problemsOf(scenario), script.file).toEqual([]);
    expect(scenario.dags).toHaveLength(9);
  }
  const [branch] = scripts.filter(({ race }) => race.race === '#63266');
  const tasks = branch && scenarioOf(branch, episodeCounts(1, false)).dags[0]?.tasks;
  expect(tasks?.map(({ task_id, skips }) => [task_id, skips])).toEqual([
    ['branch', ['d']],
    ['first', undefined],
    ['d', undefined],
  ]);
});

test('with only its controls a script is never played, and so often each kind of them', async () => {
  const { often } = await resolveReplay({ files: ['63581'], times: 100, control: true });
  expect(often).toEqual({ script: 0, controls: 100 });
  expect((await resolveReplay({ files: ['63581'], times: 2 })).often).toEqual({ script: 2, controls: 2 });
  expect((await resolveReplay({ files: ['63581'] })).often).toEqual({ script: 20, controls: 3 });
});

test('a script that defers has a triggerer, and a stack of its own', async () => {
  const { scripts } = await resolveReplay({ files: ['63581', '72716'] });
  expect(scripts.map((script) => scenarioOf(script, episodeCounts(1, false)).fleet.habits.defers)).toEqual([0, 1]);
  expect(new Set(scripts.map(settingOf)).size).toBe(2);
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
    const refused = await resolveReplay({ files: [file, '63582'], build: 'airflow@9', times: 0 }).catch(String);
    for (const said of [
      '--times',
      '"9" is not an Airflow version',
      'did you mean "no-deadlocks"',
      '63582',
      'did you mean "63581"',
    ])
      expect(refused).toContain(said);
    await expect(resolveReplay({ files: [] })).rejects.toThrow(/Name a file of a race, or one of .*66734/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
