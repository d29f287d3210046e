import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';

import { parseBuild } from '../harness/model/build.ts';
import type { Judgement } from '../harness/model/verdict.ts';
import { targetOf } from '../harness/stacks/keep-up.ts';
import type { ManagedStack } from '../harness/stacks/managed.ts';
import { startBuild } from '../harness/stacks/start-build.ts';
import { readTarget } from '../harness/stacks/target-file.ts';
import { WINDTUNNEL } from '../harness/system/installation.ts';
import { untilItAnswers, withClient } from '../harness/system/postgres-client.ts';
import { ProcessTable } from '../harness/system/process-table.ts';
import { openUnreliableWay, type UnreliableWay } from '../harness/testing/unreliable-way.ts';
import { type Ended, expectNothingLeft, stacksFolder, start, temporaryFolders, until, windtunnel } from './airflow.ts';

const LOAD_S = 6;
/** From the planned end of the load: as long as a run may take, and what a busy machine adds. */
const END_MS = 180_000;
const TEST_MS = 300_000;

let cwd: string;
/** Of the commands. The stack, which outlives them, has another. */
let TMPDIR: string;
let table: ProcessTable;
let stack: ManagedStack;
let way: UnreliableWay;
let dsn: string;

beforeAll(async () => {
  cwd = mkdtempSync(path.join(tmpdir(), 'windtunnel-test-'));
  TMPDIR = stacksFolder(cwd);
  table = new ProcessTable(`deaths-${process.pid}`);
  stack = await startBuild(parseBuild('reference'), {
    schedulers: 1,
    apiServers: 1,
    triggerer: true,
    table,
    logOf: (name) => path.join(cwd, `${name}.log`),
    progress: () => undefined,
    signal: AbortSignal.timeout(TEST_MS),
  });
  await stack.ready;
  const target = targetOf('reference', stack, table);
  const { port } = new URL(stack.dsn);
  way = await openUnreliableWay(Number(port));
  writeFileSync(path.join(cwd, 'direct.yaml'), stringify(target));
  // The server says that it has another port than the file names.
  const far = { ...target, dsn: target.dsn.replace(`:${port}/`, `:${way.port}/`), i_own_this: true };
  writeFileSync(path.join(cwd, 'far.yaml'), stringify(far));
  dsn = readTarget(path.join(cwd, 'direct.yaml')).fullDsn;
});

afterAll(async () => {
  await way?.close();
  await table?.close();
  rmSync(cwd, { recursive: true, force: true });
});

const env = () => ({ TMPDIR, WINDTUNNEL_CACHE: path.join(cwd, 'cache') });
const command = (...args: readonly string[]) => windtunnel(args, cwd, env());

/** Plays a run on the target, and does something to its database in the middle of the load, or later. */
async function runThrough(
  name: string,
  target: string,
  death: () => Promise<void>,
  phase: 'load' | 'snapshot' = 'load',
): Promise<Ended> {
  const args = ['run', 'mishaps', '--target', target, '--duration', `${LOAD_S}s`, '--seed', '3', '--out', name];
  const run = start(args, cwd, env());
  await until(`the ${phase}`, () => run.stderr().includes(`· ${phase} `));
  if (phase === 'load') await sleep(LOAD_S * 500);
  await death();
  const late = sleep(LOAD_S * 500 + END_MS, undefined, { ref: false }).then(() => run.kill('SIGKILL'));
  const ended = await Promise.race([run.ended, late.then(() => run.ended)]);
  expect(ended.code, ended.stderr).not.toBeNull();
  expect(ended.stderr).not.toMatch(/\n\s+at |Unhandled|node:internal/);
  expect(temporaryFolders(TMPDIR)).toEqual([]);
  return ended;
}

function verdictOf(name: string): Judgement {
  return JSON.parse(readFileSync(path.join(cwd, name, 'verdict.json'), 'utf8'));
}

/** All that recording puts into a database. */
async function installed(): Promise<Record<string, number>> {
  const { rows } = await withClient(dsn, (client) =>
    client.query(`
      SELECT (SELECT count(*)::int FROM pg_replication_slots WHERE slot_name LIKE 'windtunnel%') AS slots,
             (SELECT count(*)::int FROM pg_publication WHERE pubname LIKE 'windtunnel%') AS publications,
             (SELECT count(*)::int FROM pg_trigger WHERE tgname LIKE 'windtunnel%') AS triggers,
             (SELECT count(*)::int FROM pg_namespace WHERE nspname LIKE 'windtunnel%') AS schemas`),
  );
  return rows[0];
}
const NOTHING = { slots: 0, publications: 0, triggers: 0, schemas: 0 };

test('a database that vanishes without a word: the run ends, and what it left is removed later', {
  timeout: TEST_MS,
}, async () => {
  const { code, stderr } = await runThrough('vanished', 'far.yaml', async () => {
    way.state = 'silent';
  });
  expect({ code, stderr }).toEqual({
    code: 4,
    stderr: expect.stringMatching(
      /the database was away for 30 s, so that the record is incomplete: .* did not answer within \d+(\.\d+)? s\./,
    ),
  });
  expect(stderr).toMatch(/The recorder is still in the database of the target: .*`windtunnel heal`/);
  expect(verdictOf('vanished').verdict).not.toBe('fail');
  expect(await installed()).toEqual({ slots: 1, publications: 1, triggers: 7, schemas: 1 });

  const unanswered = await Promise.all([
    command('doctor', '--target', 'far.yaml'),
    command('heal', '--target', 'far.yaml'),
    command('run', 'mishaps', '--target', 'far.yaml', '--duration', '5s', '--out', 'never'),
    command('down'),
  ]);
  for (const { code, stdout, stderr } of unanswered) {
    expect({ code, stderr }).toMatchObject({ code: 4, stderr: expect.not.stringMatching(/\n\s+at /) });
    expect(stdout + stderr).toMatch(/the database did not answer within 10 s/);
  }
  way.state = 'open';
  const healed = await command('heal');
  expect({ code: healed.code, stdout: healed.stdout }).toEqual({
    code: 0,
    stdout: expect.stringContaining('removed a replication slot, a publication, 7 triggers and a schema of run'),
  });
  expect(await installed()).toEqual(NOTHING);
  expect((await command('heal', '--target', 'far.yaml')).stdout).toContain('nothing of ours is left');
});

test('a database that is far away: the run ends with a verdict, and leaves nothing', { timeout: TEST_MS }, async () => {
  const { code, stderr } = await runThrough('far', 'far.yaml', async () => {
    way.delayMs = 300;
  });
  way.delayMs = 0;
  expect([0, 3], stderr).toContain(code);
  expect(verdictOf('far').assumptions.find(({ name }) => name === 'run-completed')).toMatchObject({ verdict: 'pass' });
  expect(await installed()).toEqual(NOTHING);
});

/** PostgreSQL is killed and started again. A scheduler does not outlive that, and is started again, too. */
async function crash(): Promise<void> {
  const [server] = stack.processes;
  process.kill(server?.pid ?? -1, 'SIGKILL');
  await server?.ended;
  await sleep(1_000);
  // While one of the old processes is left, a new server does not start.
  for (let isUp = false; !isUp; ) {
    const next = stack.restart?.('postgres');
    isUp = await Promise.race([next?.ended.then(() => false), untilItAnswers(dsn, 60_000).then(() => true)]).then(
      (up) => up === true,
    );
  }
}

async function startAgain(): Promise<void> {
  for (const { name, ended } of stack.processes) if (await Promise.race([ended, sleep(20)])) stack.restart?.(name);
}

test('a database that is killed and started again: the run ends as planned, and blames no build', {
  timeout: TEST_MS,
}, async () => {
  const { code, stderr } = await runThrough('restarted', 'direct.yaml', crash);
  expect({ code, stderr }).toMatchObject({ code: 3 });
  const { assumptions, counts, verdict } = verdictOf('restarted');
  expect({ verdict, violations: counts.violations }).toEqual({ verdict: 'unknown', violations: 0 });
  expect(assumptions.find(({ name }) => name === 'run-completed')).toMatchObject({
    verdict: 'fail',
    sentence: expect.stringMatching(
      /^It ended as planned .* the database was away for .* what came then is no proof\.$/,
    ),
  });
  expect(await installed()).toEqual(NOTHING);
});

test("a database that is killed while Airflow's tables are copied: what is not copied blames no build", {
  timeout: TEST_MS,
}, async () => {
  await startAgain();
  const { code, stderr } = await runThrough('restarted-late', 'direct.yaml', crash, 'snapshot');
  // Nothing if the copies were done already.
  expect([0, 3], stderr).toContain(code);
  expect(verdictOf('restarted-late').verdict).not.toBe('fail');
  expect(await installed()).toEqual(NOTHING);
});

const canMount = spawnSync('unshare', ['--mount', 'true']).status === 0;
if (!canMount)
  console.warn('SKIPPED: a full disk of PostgreSQL, because a small file system cannot be mounted (it takes root)');

describe.skipIf(!canMount)('on a full disk of PostgreSQL', () => {
  test('a run ends, blames no build and leaves nothing', { timeout: TEST_MS }, () => {
    const run = [process.execPath, WINDTUNNEL, 'run', 'mishaps', '--build', 'reference', '--seed', '3'];
    // Only this command and its children see the small file system.
    const script = `
      mkdir small && mount -t tmpfs -o size=200m none small && chmod 711 small || exit 99
      TMPDIR="$PWD/small" "$@" --duration ${LOAD_S}s --out full 2> full.err &
      while ! grep -q '· load ' full.err && kill -0 $!; do sleep 0.1; done
      sleep 3
      dd if=/dev/zero of=small/fill bs=64k 2> /dev/null
      wait $!
      code=$?
      cat full.err >&2
      rm small/fill
      ls -A small
      exit $code`;
    const { status, stdout, stderr } = spawnSync('unshare', ['--mount', 'sh', '-c', script, 'sh', ...run], {
      cwd,
      env: { ...process.env, ...env(), NO_COLOR: '1' },
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
      timeout: END_MS,
    });
    expect([3, 4], stderr).toContain(status);
    expect(stderr).not.toMatch(/\n\s+at |Unhandled|node:internal/);
    const { verdict } = verdictOf('full');
    expect(verdict).toBe('unknown');
    expect(stdout.split('\n').filter((line) => /^(wt|windtunnel)-/.test(line))).toEqual([]);
    expectNothingLeft(TMPDIR);
  });
});
