import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, beforeEach, expect, test } from 'vitest';
import { TYPESCRIPT } from './installation.ts';
import { bornAt } from './proc.ts';
import { heal, ProcessTable, releaseTarget, runningStacks } from './process-table.ts';

let cache: string;

beforeEach(() => {
  cache = mkdtempSync(path.join(tmpdir(), 'wt-test-'));
  process.env.WINDTUNNEL_CACHE = cache;
});

afterEach(() => {
  delete process.env.WINDTUNNEL_CACHE;
  rmSync(cache, { recursive: true, force: true });
});

/** A process with a child of its own and, in a session of its own, another: what Airflow and PostgreSQL do. */
const FAMILY = 'sleep 300 & setsid sleep 301 & wait';

async function until(condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition() && waited < 60_000; waited += 20) await sleep(20);
  expect(condition()).toBe(true);
}

function sleepers(marker: string): number[] {
  return pidsWith(marker).filter((pid) => bornAt(pid) !== undefined);
}

function pidsWith(marker: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0)
    .filter((pid) => {
      try {
        const zombie = / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
        return !zombie && readFileSync(`/proc/${pid}/environ`, 'latin1').includes(marker);
      } catch {
        return false;
      }
    });
}

test('a folder that is there already is refused, and stays', async () => {
  const table = new ProcessTable('folders');
  const folder = path.join(cache, 'of-another-user');
  mkdirSync(folder);
  expect(() => table.folder(folder)).toThrow(/of-another-user cannot be made: EEXIST/);
  await table.close();
  expect(existsSync(folder)).toBe(true);
});

test('close removes a process, its children, their sessions and the folders', async () => {
  const table = new ProcessTable('family');
  const folder = table.folder(path.join(cache, 'work'));
  table.start('family', 'sh', ['-c', FAMILY], { env: process.env, cwd: folder, log: path.join(cache, 'log') });
  await until(() => sleepers('WINDTUNNEL_RUN=family').length === 3);
  await table.close();
  expect(sleepers('WINDTUNNEL_RUN=family')).toEqual([]);
  expect(existsSync(folder)).toBe(false);
  expect(await heal()).toEqual([]);
});

test('heal takes away what a harness that was killed with -9 has left', async () => {
  const script = `
    const { ProcessTable } = await import(${JSON.stringify(path.join(import.meta.dirname, 'process-table.ts'))});
    const table = new ProcessTable('orphans');
    table.folder(${JSON.stringify(path.join(cache, 'orphaned'))});
    table.start('family', 'sh', ['-c', ${JSON.stringify(FAMILY)}], { env: process.env, cwd: '/', log: '/dev/null' });
    setInterval(() => {}, 1000);`;
  const harness = spawn(process.execPath, ['--import', TYPESCRIPT, '--input-type=module', '-e', script], {
    env: { ...process.env, WINDTUNNEL_CACHE: cache },
    stdio: 'inherit',
  });
  await until(() => sleepers('WINDTUNNEL_RUN=orphans').length === 3);
  expect(await heal()).toMatchObject([{ id: 'orphans', outcome: 'still running' }]);

  harness.kill('SIGKILL');
  await new Promise((resolve) => harness.once('exit', resolve));
  expect(sleepers('WINDTUNNEL_RUN=orphans').length).toBe(3);
  expect(await heal({ dryRun: true })).toMatchObject([{ id: 'orphans', outcome: 'left something' }]);
  expect(await heal()).toMatchObject([{ id: 'orphans', outcome: 'healed', folders: 1 }]);
  expect(sleepers('WINDTUNNEL_RUN=orphans')).toEqual([]);
  expect(existsSync(path.join(cache, 'orphaned'))).toBe(false);
  expect(await heal()).toEqual([]);
});

test('a process that cannot be started says so', async () => {
  const table = new ProcessTable('nothing');
  const process_ = table.start('nothing', path.join(cache, 'no-such-program'), [], {
    env: process.env,
    cwd: cache,
    log: path.join(cache, 'log'),
  });
  expect(await process_.ended).toContain('could not be started');
  await table.close();
});

/** The file that a dead harness left, with these changes. */
function deadState(id: string, changes: object = {}): void {
  mkdirSync(path.join(cache, 'state'), { recursive: true });
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  const harness = { name: 'harness', pid: 1, born: 'never' };
  const nothing = { folders: [], files: [], targets: [], processes: [] };
  const state = { id, host: hostname(), boot, harness, purpose: 'run', ...nothing, ...changes };
  writeFileSync(path.join(cache, 'state', `${id}.json`), JSON.stringify(state));
}

test('what another machine made is left alone, and what a restart of this one ended is no process', async () => {
  const born = bornAt(process.pid) ?? '';
  const folders = ['elsewhere', 'before'].map((name) => path.join(cache, name));
  for (const folder of folders) mkdirSync(folder);
  // This very process: it would be ended.
  const processes = [{ name: 'postgres', pid: process.pid, born }];
  const harness = { name: 'harness', pid: process.pid, born };
  deadState('elsewhere', { host: 'another', harness, processes, folders: [folders[0]] });
  deadState('before', { boot: 'another', harness, processes, folders: [folders[1]] });
  const of = (id: string, outcome: string, count: number) => ({ id, outcome, processes: 0, folders: count });
  expect(await heal()).toMatchObject([of('before', 'healed', 1), of('elsewhere', 'of another machine', 0)]);
  expect(folders.map(existsSync)).toEqual([true, false]);
  expect(await heal({ ids: ['elsewhere'] })).toMatchObject([{ outcome: 'of another machine' }]);
});

test('a file that is no state is named, and the others are healed', async () => {
  deadState('dead');
  const broken = ['{}', 'null', '{', JSON.stringify({ id: 'other' })];
  for (const [i, text] of broken.entries()) writeFileSync(path.join(cache, 'state', `broken-${i}.json`), text);
  deadState('renamed', { id: 'another' });
  const results = await heal();
  expect(results.filter(({ outcome }) => outcome === 'unreadable').map(({ id }) => path.basename(id))).toEqual([
    ...broken.map((_, i) => `broken-${i}.json`),
    'renamed.json',
  ]);
  expect(results.filter(({ outcome }) => outcome === 'healed')).toMatchObject([{ id: 'dead' }]);
  expect(runningStacks()).toEqual([]);
});

test('a target stays noted until it is released, also when the harness ends in order', async () => {
  const table = new ProcessTable('abc123');
  table.folder(path.join(cache, 'work'));
  table.target('/somewhere/staging.yaml');
  table.target('/somewhere/other.yaml');
  table.release('/somewhere/other.yaml');
  await table.close();
  expect(existsSync(path.join(cache, 'work'))).toBe(false);
  expect(await heal()).toMatchObject([{ id: 'abc123', outcome: 'still running' }]);

  deadState('abc124', { targets: [{ file: '/somewhere/staging.yaml', stack: null }], folders: ['/nowhere'] });
  const targets = ['/somewhere/staging.yaml'];
  expect(await heal({ ids: ['abc124'] })).toMatchObject([{ outcome: 'healed', folders: 1, targets }]);
  expect(await heal({ ids: ['abc124'] })).toMatchObject([{ outcome: 'healed', folders: 0, targets }]);
  releaseTarget('abc124', '/somewhere/staging.yaml');
  expect(await heal({ ids: ['abc124'] })).toEqual([]);
});

test('a stack of `up` that is gone took its database with it', async () => {
  const file = path.join(cache, 'target.yaml');
  const up = new ProcessTable('up1234', 'up');
  up.file(file);
  const run = new ProcessTable('abc123');
  run.target(file);
  await run.close();
  expect(await heal({ ids: ['abc123'] })).toMatchObject([{ outcome: 'healed', targets: [file] }]);
  await up.close();
  expect(await heal({ ids: ['abc123'] })).toMatchObject([{ outcome: 'healed', targets: [] }]);
  expect(await heal()).toEqual([]);
});
