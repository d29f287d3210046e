import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, expect, test } from 'vitest';
import { dsnOfTarget } from '../harness/stacks/target-file.ts';
import { withClient } from '../harness/system/postgres-client.ts';
import { allPids, environmentHas, isAlive, statOf } from '../harness/system/proc.ts';
import { readLines, type Started, start, temporaryFolders, windtunnel } from './airflow.ts';

const RUN_MS = 120_000;
let cwd: string;

beforeAll(() => {
  cwd = mkdtempSync(path.join(tmpdir(), 'windtunnel-test-'));
});

afterAll(async () => {
  await windtunnel(['heal'], cwd);
  rmSync(cwd, { recursive: true, force: true });
});

async function until(what: string, condition: () => boolean | Promise<boolean>, withinMs = 60_000): Promise<void> {
  for (let waited = 0; !(await condition()); waited += 100) {
    if (waited > withinMs) throw new Error(`waited ${withinMs / 1000} s for ${what}`);
    await sleep(100);
  }
}

/** A scenario with windows that open at once and outlast it. */
function broken(faults: readonly string[], at_once: number): string {
  const file = path.join(cwd, `${faults.join('-')}.ts`);
  const chaos = JSON.stringify({ faults, pause_ms: [500, 900], lasts_ms: [60_000, 60_000], at_once });
  writeFileSync(
    file,
    `import { scenario as mishaps } from ${JSON.stringify(path.join(import.meta.dirname, '../workloads/scenarios/mishaps.ts'))};
     export const scenario = { ...mishaps, duration_s: 100, chaos: ${chaos} };\n`,
  );
  return file;
}

/** Waits until so many windows are open, and kills the harness then. */
async function killedWithOpen(run: Started, folder: string, windows: number): Promise<void> {
  const faults = path.join(cwd, folder, 'raw', 'faults.ndjson');
  await until(`${windows} windows`, () => existsSync(faults) && readLines(faults).length >= windows);
  await sleep(1_500);
  expect(readLines(faults).filter(({ closed_ms }) => closed_ms !== null)).toEqual([]);
  run.kill('SIGKILL');
  await run.ended;
}

/** Processes of this run or stack, and of no other that is on the machine at the same time. */
function processesOf(id: string): number[] {
  const command = (pid: number) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    } catch {
      return ''; // It has ended.
    }
  };
  const inFolder = new RegExp(`/wt-${id}[-/]`);
  const ours = (pid: number) => environmentHas(pid, `WINDTUNNEL_RUN=${id}`) || inFolder.test(command(pid));
  return allPids().filter((pid) => ours(pid) && isAlive(pid));
}

function expectNothingLeft(id: string): void {
  expect(processesOf(id)).toEqual([]);
  expect(temporaryFolders(tmpdir()).filter((name) => name.startsWith(`wt-${id}`))).toEqual([]);
}

test('kill -9 while processes are suspended: heal ends them, too, and leaves nothing', {
  timeout: RUN_MS,
}, async () => {
  const run = start(['run', broken(['pause'], 2), '--build', 'reference', '--seed', '3', '--out', 'paused'], cwd);
  await killedWithOpen(run, 'paused', 2);
  const { id } = JSON.parse(readFileSync(path.join(cwd, 'paused', 'manifest.json'), 'utf8'));
  const states = processesOf(id).map((pid) => statOf(pid)?.state);
  expect(states.length).toBeGreaterThanOrEqual(5);
  expect(states.filter((state) => state === 'T').length).toBeGreaterThanOrEqual(2);
  expect((await windtunnel(['heal'], cwd)).stdout).toContain(`${id}: healed`);
  expectNothingLeft(id);
});

test('kill -9 beside a target: its locks and connections are free at once, and heal leaves nothing', {
  timeout: RUN_MS,
}, async () => {
  const up = start(['up', 'reference', '--schedulers', '2'], cwd);
  const target = path.join(cwd, 'windtunnel-target.yaml');
  await until('the target file', () => existsSync(target));
  const args = ['--target', 'windtunnel-target.yaml', '--seed', '3'];
  const refused = await windtunnel(['run', broken(['bystander-lock'], 1), ...args, '--out', 'refused'], cwd);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain('allow_faults: true');
  expect(existsSync(path.join(cwd, 'refused'))).toBe(false);

  appendFileSync(target, 'allow_faults: true\n');
  const dsn = dsnOfTarget(target);
  const [, id = ''] = /\/wt-([0-9a-f]+)\/handoff/.exec(readFileSync(target, 'utf8')) ?? [];
  expect(processesOf(id).length).toBeGreaterThanOrEqual(5);
  const ours = () =>
    withClient(dsn, async (client) => {
      const { rows } = await client.query<{ name: string; locks: string }>(
        `SELECT application_name AS name, (SELECT count(*) FROM pg_locks WHERE pg_locks.pid = a.pid) AS locks
           FROM pg_stat_activity AS a WHERE application_name IN ('wt-bystander', 'wt-harness-hoard')`,
      );
      return rows;
    });
  for (const [fault, name] of [
    ['bystander-lock', 'wt-bystander'],
    ['exhaust-connections', 'wt-harness-hoard'],
  ] as const) {
    const run = start(['run', broken([fault], 1), ...args, '--out', fault], cwd);
    const faults = path.join(cwd, fault, 'raw', 'faults.ndjson');
    await until('a window', () => existsSync(faults) && readLines(faults).length > 0);
    // On a target the reserve of its administrators is left to them: so we can look, as one. Locks: on rows, tables and
    // its own transaction.
    await until(`what ${name} takes`, async () => {
      const rows = await ours();
      return fault === 'bystander-lock' ? rows.some(({ locks }) => Number(locks) > 2) : rows.length > 200;
    });
    run.kill('SIGKILL');
    await run.ended;
    await until('their end', async () => (await ours()).length === 0, 5_000);
    expect((await windtunnel(['heal'], cwd)).stdout).toContain(
      'removed a replication slot, a publication, 7 triggers and a schema of run',
    );
  }
  up.kill('SIGINT');
  await up.ended;
  expectNothingLeft(id);
});

test('on a target where the user may not record commits, all that is missing is said, and the run continues without', {
  timeout: RUN_MS,
}, async () => {
  const up = start(['up', 'reference', '--out', 'all-rights.yaml'], cwd);
  const file = path.join(cwd, 'all-rights.yaml');
  await until('the target file', () => existsSync(file));
  const dsn = dsnOfTarget(file);
  await withClient(dsn, (client) =>
    client.query(`CREATE ROLE reader LOGIN PASSWORD '${new URL(dsn).password}';
      GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader`),
  );
  writeFileSync(
    path.join(cwd, 'reader.yaml'),
    readFileSync(file, 'utf8').replace(/(dsn: postgresql:\/\/)airflow/, '$1reader'),
  );
  const run = await windtunnel(
    ['run', 'mishaps', '--target', 'reader.yaml', '--duration', '3s', '--out', 'reader'],
    cwd,
  );
  expect(run.code).toBe(3);
  expect(run.stderr.match(/ {2}- The role "reader" /g)?.length).toBe(3);
  const verdict = JSON.parse(readFileSync(path.join(cwd, 'reader', 'verdict.json'), 'utf8'));
  const reasons = new Map<string, string>(
    verdict.invariants.map(({ name, why_unknown }: Record<string, string>) => [name, why_unknown]),
  );
  expect(reasons.get('acknowledged-is-durable')).toBe('the table commits was not recorded');
  expect(reasons.get('a-retry-is-a-retry')).toMatch(/commits was not recorded|writers of commits were not recorded/);
  expect(verdict.counts.operations).toBeGreaterThan(0);
  const { rows } = await withClient(dsn, (client) =>
    client.query("SELECT FROM pg_namespace WHERE nspname LIKE 'windtunnel%'"),
  );
  expect(rows).toEqual([]);
  up.kill('SIGINT');
  await up.ended;
});
