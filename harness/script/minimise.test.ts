import { expect, test } from 'vitest';

import type { RaceFile } from '../director/race-file.ts';
import { minimised, type StillBreaks } from './minimise.ts';

const FILE: RaceFile = {
  race: 'x',
  title: 'x',
  breaks: { 'no-deadlocks': null },
  dag: { root: null, d: { after: ['root'], retries: 1 }, aside: { after: ['root'] } },
  script: [
    'operator triggers',
    'worker root: run',
    'worker root: success',
    'worker aside: run',
    'worker d: run',
    'hold scheduler before write task_instance of d as look',
    'operator marks d failed',
    'look is reached',
    'worker d: beat',
    'release look',
    'scheduler passes commit',
  ],
};
const has = (file: RaceFile, line: string) => file.script.includes(line);

/** Plays nothing: `breaks` says what would. Counts what it is asked. */
function played(breaks: (file: RaceFile, times: number) => boolean) {
  const asked: number[] = [];
  const stillBreaks: StillBreaks = async (files, times) => {
    asked.push(files.length);
    return files.map((file) => breaks(file, times));
  };
  return { asked, stillBreaks };
}

test('tasks, steps and settings that are not needed go, and holds stay', async () => {
  const needed = ['worker d: run', 'operator marks d failed'];
  const { stillBreaks } = played((file) => needed.every((line) => has(file, line)));
  const gone: string[] = [];
  const [smallest, ...larger] = await minimised(FILE, stillBreaks, (_, names) => gone.push(...names));
  expect(smallest.dag).toEqual({ d: null });
  expect(smallest.script).toEqual([
    'operator triggers',
    'worker d: run',
    'hold scheduler before write task_instance of d as look',
    'operator marks d failed',
    'look is reached',
    'release look',
  ]);
  expect(gone).toContain('task aside');
  expect(larger.at(-1)).toBe(FILE);
});

test('of parts that are needed together one half goes', async () => {
  const { stillBreaks } = played((file) => has(file, 'worker d: beat') || has(file, 'scheduler passes commit'));
  const [smallest] = await minimised(FILE, stillBreaks);
  expect([has(smallest, 'worker d: beat'), has(smallest, 'scheduler passes commit')]).toContain(true);
  expect([has(smallest, 'worker d: beat'), has(smallest, 'scheduler passes commit')]).toContain(false);
});

test('what broke once and not three times is not taken, and nothing is tried twice', async () => {
  const { asked, stillBreaks } = played((_, times) => times === 1);
  const all = await minimised(FILE, stillBreaks);
  expect(all).toEqual([FILE]);
  expect(asked[0]).toBeGreaterThan(8);
  expect(asked.slice(1).every((files) => files === 1)).toBe(true);
});
