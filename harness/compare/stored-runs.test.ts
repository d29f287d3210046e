import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';
import { storedRuns } from '../run-folder/stored-runs.ts';
import { checkComparison } from './options.ts';

let folder: string;
const at = (...names: string[]) => path.join(folder, ...names);

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'windtunnel-stored-'));
  for (const run of ['one', 'cmp/a-1', 'cmp/a-2', 'cmp/a-10', 'cmp/b-1', 'night/x', 'night/y']) {
    mkdirSync(at(run), { recursive: true });
    writeFileSync(at(run, 'manifest.json'), '{}');
  }
  mkdirSync(at('night', 'logs'));
  writeFileSync(at('mine.ts'), '');
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('a run is itself, a folder of runs is its runs, and a side of a comparison the runs of that letter', () => {
  expect(storedRuns(at('one'))).toEqual([at('one')]);
  expect(storedRuns(at('night'))).toEqual([at('night', 'x'), at('night', 'y')]);
  expect(storedRuns(at('cmp', 'a'))).toEqual([at('cmp', 'a-1'), at('cmp', 'a-2'), at('cmp', 'a-10')]);
});

test('a build, a scenario file and a folder without runs are no stored runs', () => {
  for (const word of ['airflow@3.2.1', 'reference', at('mine.ts'), at('one', 'a'), at('cmp', 'c')]) {
    expect(storedRuns(word)).toBeUndefined();
  }
});

test('a build is a build, also where a folder has its name, as in a checkout', async () => {
  expect(existsSync('reference')).toBe(true);
  const { sides } = await checkComparison({ builds: ['reference'], aa: true, detect: '2x' });
  expect(sides).toHaveProperty('subjects.length', 2);
});
