import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { makeScratchFolder, removeScratchFolder, sweepScratchFolders } from './scratch-folder.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const url = (file: string) => pathToFileURL(path.join(ROOT, file)).href;

let temporary: string;
beforeEach(() => {
  temporary = mkdtempSync(path.join(tmpdir(), 'windtunnel-tmp-'));
  vi.stubEnv('TMPDIR', temporary);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(temporary, { recursive: true, force: true });
});

/** A process with a scratch folder that holds a file; `then` is what it does afterwards. */
async function child(then: string): Promise<ChildProcess> {
  const script = path.join(temporary, `${Math.random()}.mjs`);
  writeFileSync(
    script,
    `import { writeFileSync } from 'node:fs';
     const { makeScratchFolder } = await import('${url('harness/system/scratch-folder.ts')}');
     writeFileSync(makeScratchFolder() + '/spilled', 'x');
     console.log('made');
     ${then}`,
  );
  const started = spawn(process.execPath, ['--import', url('bin/typescript.mjs'), script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(started.stdout, 'data');
  return started;
}

const left = () => readdirSync(temporary).filter((name) => !name.endsWith('.mjs'));

test('a scratch folder is its user’s alone, and gone when it is removed', async () => {
  // The tests of other files in this process may have folders of their own.
  const before = process.listeners('SIGTERM');
  const folder = makeScratchFolder();
  expect(process.listeners('SIGTERM').length).toBeGreaterThan(0);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  expect(sweepScratchFolders()).toBe(0);
  await removeScratchFolder(folder);
  expect(left()).toEqual([]);
  expect(process.listeners('SIGTERM')).toEqual(before);
});

test('a process that exits, or is ended by a signal, leaves none', async () => {
  const exits = await child('process.exit(3)');
  const waits = await Promise.all([child('setInterval(() => {}, 1e6)'), child('setInterval(() => {}, 1e6)')]);
  waits[0].kill('SIGINT');
  waits[1].kill('SIGTERM');
  const ended = await Promise.all(
    [exits, ...waits].map(
      async (one) => [one.exitCode, one.signalCode].some((how) => how !== null) || once(one, 'exit'),
    ),
  );
  expect(ended).toHaveLength(3);
  expect([exits.exitCode, waits[0].signalCode, waits[1].signalCode]).toEqual([3, 'SIGINT', 'SIGTERM']);
  expect(left()).toEqual([]);
});

test('what a killed process left is swept, and what a living one has stays', async () => {
  const [killed, lives] = await Promise.all([child('setInterval(() => {}, 1e6)'), child('setInterval(() => {}, 1e6)')]);
  killed.kill('SIGKILL');
  await once(killed, 'exit');
  expect(left()).toHaveLength(2);
  expect(sweepScratchFolders()).toBe(1);
  expect(left()).toHaveLength(1);
  lives.kill('SIGKILL');
  await once(lives, 'exit');
  expect(sweepScratchFolders()).toBe(1);
  expect(left()).toEqual([]);
});

test('where none can be made the user is asked for another place', () => {
  vi.stubEnv('TMPDIR', path.join(temporary, 'not-there'));
  expect(() => makeScratchFolder()).toThrow(/not-there cannot be used \(no such file or folder\): .* with TMPDIR/);
});
