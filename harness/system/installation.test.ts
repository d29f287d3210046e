import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { UsageError } from '../model/errors.ts';
import { cacheFolder } from './installation.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'wt-test-'));
  process.env.WINDTUNNEL_CACHE = folder;
});

afterEach(() => {
  delete process.env.WINDTUNNEL_CACHE;
  rmSync(folder, { recursive: true, force: true });
});

test('a cache folder that is ours alone, or not there yet, is used', () => {
  for (const mode of [0o700, 0o755, 0o775]) {
    chmodSync(folder, mode);
    expect(cacheFolder()).toBe(folder);
  }
  process.env.WINDTUNNEL_CACHE = path.join(folder, 'later');
  expect(cacheFolder()).toBe(path.join(folder, 'later'));
});

test('one that every user can write to is refused, with what to do', () => {
  chmodSync(folder, 0o1777);
  expect(cacheFolder).toThrow(UsageError);
  expect(cacheFolder).toThrow(
    /^The cache folder \S+ can be written to by every user, who could put .*`chmod go-w`.*WINDTUNNEL_CACHE\.$/,
  );
});

test('one of another user or group is refused', (context) => {
  context.skip(process.getuid?.() !== 0, 'SKIPPED: to give a folder to another user takes root.');
  chmodSync(folder, 0o755);
  chownSync(folder, 12_345, 0);
  expect(cacheFolder).toThrow(/belongs to another user \(12345\)/);
  chownSync(folder, 0, 12_345);
  expect(cacheFolder()).toBe(folder);
  chmodSync(folder, 0o775);
  expect(cacheFolder).toThrow(/can be written to by the group 12345/);
});
