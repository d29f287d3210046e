import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { endOfFile, Tail } from './tail.ts';

let folder: string;
let file: string;
let lines: string[];
let troubles: string[];

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'wt-test-'));
  file = path.join(folder, 'log');
  lines = [];
  troubles = [];
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function follow(from: 'start' | 'end'): Tail {
  return new Tail(file, from, {
    onLine: (line) => lines.push(line),
    onCut: () => troubles.push('cut'),
    onUnreadable: (reason) => troubles.push(reason),
  });
}

test('a tail gives whole lines, however they were cut when written', () => {
  const tail = follow('start');
  tail.read();
  appendFileSync(file, 'one\ntw');
  tail.read();
  appendFileSync(file, 'o\n\nthree');
  tail.read();
  expect(lines).toEqual(['one', 'two']);
  tail.close();
  expect(lines).toEqual(['one', 'two', 'three']);
});

test('a tail that begins at the end reads nothing of what was there', () => {
  writeFileSync(file, 'before\n');
  const tail = follow('end');
  appendFileSync(file, 'after\n');
  tail.close();
  expect(lines).toEqual(['after']);
});

test('of a log that is renamed the rest is read, then the new one from its start', () => {
  writeFileSync(file, 'before\n');
  const tail = follow('end');
  appendFileSync(file, 'one\n');
  renameSync(file, `${file}.1`);
  tail.read();
  // Its writer has it open still, and the new one is made before anything is written to it.
  writeFileSync(file, '');
  appendFileSync(`${file}.1`, 'two\n');
  tail.read();
  appendFileSync(`${file}.1`, 'three\n');
  appendFileSync(file, 'four\n');
  tail.read();
  renameSync(file, `${file}.2`);
  appendFileSync(`${file}.2`, 'five\nsi');
  writeFileSync(file, 'seven\n');
  tail.close();
  expect(lines).toEqual(['one', 'two', 'three', 'four', 'five', 'si', 'seven']);
  expect(troubles).toEqual([]);
});

test('a log that is copied and truncated is read from its start again', () => {
  writeFileSync(file, `${'before '.repeat(100)}\n`);
  const tail = follow('end');
  appendFileSync(file, 'one\ntw');
  tail.read();
  copyFileSync(file, `${file}.1`);
  truncateSync(file);
  appendFileSync(file, 'three\n');
  tail.read();
  appendFileSync(file, 'four\n');
  tail.close();
  expect(lines).toEqual(['one', 'tw', 'three', 'four']);
});

test('a line of more than 1 MB is cut, and what has no end takes no more memory than that', () => {
  const tail = follow('start');
  const piece = 'x'.repeat(300_000);
  for (let n = 0; n < 40; n++) {
    appendFileSync(file, piece);
    tail.read();
  }
  appendFileSync(file, '\nnext\n');
  appendFileSync(file, `${'y'.repeat(5 << 20)}\nlast\n`);
  tail.close();
  expect(lines.map((line) => [line[0], line.length])).toEqual([
    ['x', 1 << 20],
    ['n', 4],
    ['y', 1 << 20],
    ['l', 4],
  ]);
  expect(troubles).toEqual(['cut']);
});

test('a log that cannot be read is said once, and throws nothing', () => {
  mkdirSync(file);
  const tail = follow('start');
  for (let n = 0; n < 3; n++) tail.read();
  rmSync(file, { recursive: true });
  writeFileSync(file, 'later\n');
  tail.close();
  expect(lines).toEqual([]);
  expect(troubles).toEqual(['a folder, where a file is needed']);
});

test('an error of the listener is not one of the file', () => {
  writeFileSync(file, 'one\ntwo\n');
  const tail = new Tail(file, 'start', {
    onLine: (line) => {
      lines.push(line);
      if (line === 'one') throw new RangeError('a defect of ours');
    },
    onUnreadable: (reason) => troubles.push(reason),
  });
  expect(() => tail.read()).toThrow(new RangeError('a defect of ours'));
  tail.close();
  expect({ lines, troubles }).toEqual({ lines: ['one'], troubles: [] });
});

test('the end of a file is read, however long it is', () => {
  writeFileSync(file, `${'x'.repeat(5_000)}\nlast\n`);
  expect(endOfFile(file, 8)).toBe('xx\nlast\n');
  expect(endOfFile(file, 10_000)).toHaveLength(5_006);
  writeFileSync(file, '');
  expect(endOfFile(file, 8)).toBe('');
});
