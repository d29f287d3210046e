import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { stringify } from 'yaml';

import { callInProcess } from '../../test/in-process.ts';
import { REFERENCE_TEMPLATE } from '../../test/postgres-servers.ts';
import { Installation } from '../record/writers.ts';
import { newSoak } from '../soak/begin.ts';
import { resumeSoak } from '../soak/resume.ts';
import { splitPassword } from '../stacks/target-dsn.ts';
import { withClient } from '../system/postgres-client.ts';
import { bootId } from '../system/state-files.ts';
import { newDatabase, type TestDatabase } from '../testing/database.ts';
import { type HealReport, healAll, healTarget } from './heal.ts';

let folder: string;
let file: string;
let database: TestDatabase;

beforeAll(async () => {
  database = await newDatabase(REFERENCE_TEMPLATE);
  folder = mkdtempSync(path.join(tmpdir(), 'wt-test-'));
  process.env.WINDTUNNEL_CACHE = path.join(folder, 'cache');
  mkdirSync(path.join(folder, 'cache', 'state'), { recursive: true });
  file = targetFile('target.yaml', database.dsn);
});

afterAll(async () => {
  delete process.env.WINDTUNNEL_CACHE;
  rmSync(folder, { recursive: true, force: true });
  await database.drop();
});

function targetFile(name: string, dsn: string): string {
  const { password } = splitPassword(dsn);
  const secret = path.join(folder, 'dsn-password');
  if (password !== undefined) writeFileSync(secret, password, { mode: 0o600 });
  const target = {
    execution_api: ['http://127.0.0.1:1/execution'],
    public_api: 'http://127.0.0.1:1',
    dsn: splitPassword(dsn).dsn,
    ...(password === undefined ? {} : { dsn_password: { file: secret } }),
    jwt_secret: { env: 'NOT_NEEDED_TO_HEAL' },
    handoff: `unix:${folder}/handoff.sock`,
    dags_folder: folder,
  };
  writeFileSync(path.join(folder, name), stringify(target));
  return path.join(folder, name);
}

async function leave(run: string): Promise<void> {
  const installation = new Installation(database.dsn, run);
  await installation.install();
  await installation.close();
}

/** The file that a harness with this run left when it was killed. */
function killed(run: string, target: string): void {
  const harness = { name: 'harness', pid: 1, born: 'never' };
  const nothing = { folders: [], files: [], processes: [] };
  const targets = [{ file: target, stack: null }];
  const state = { id: run, host: hostname(), boot: bootId(), harness, purpose: 'run', targets, ...nothing };
  writeFileSync(path.join(folder, 'cache', 'state', `${run}.json`), JSON.stringify(state));
}

const states = () => readdirSync(path.join(folder, 'cache', 'state'));
const textOf = ({ lines }: HealReport) => lines.join('\n').replaceAll(folder, '');

test('without any record, what is left is found by its name and removed', async () => {
  await leave('abc001');
  const dags = path.join(folder, 'wt_dags_wt_abc001.py');
  const others = path.join(folder, 'wt_dags_wt_abc009.py');
  for (const name of [dags, others]) writeFileSync(name, '');
  const report = await healTarget(file);
  expect(report.isDone).toBe(true);
  expect(textOf(report)).toMatch(
    /^\/target.yaml: removed a replication slot, a publication, 7 triggers and a schema of run abc001 \(.*Z\)\n/,
  );
  expect(textOf(report)).toMatch(/\n\/target.yaml: removed \/wt_dags_wt_abc001.py$/);
  expect([existsSync(dags), existsSync(others)]).toEqual([false, true]);
  expect(await healTarget(file)).toEqual({ lines: [`${file}: nothing of ours is left in the database`], isDone: true });
});

test('a database that cannot be asked is not healed: the record stays, and the SQL is printed', async () => {
  const away = targetFile('away.yaml', 'postgresql://airflow@127.0.0.1:1/airflow');
  for (const target of [away, path.join(folder, 'removed.yaml')]) {
    killed('abc002', target);
    for (let again = 0; again < 2; again++) {
      const report = await healAll();
      expect(report.isDone).toBe(false);
      expect(textOf(report)).toMatch(/yaml: not healed, because .*(ECONNREFUSED|does not exist)/);
      expect(textOf(report)).toContain("pg_replication_slots WHERE slot_name = 'windtunnel_abc002'");
      expect(states()).toEqual(['abc002.json']);
    }
  }
  rmSync(path.join(folder, 'cache', 'state', 'abc002.json'));
});

test('the record of a killed run goes when a query has shown that its target is clean', async () => {
  await leave('abc003');
  killed('abc003', file);
  // Something of others keeps the schema.
  await withClient(database.dsn, (client) => client.query('CREATE VIEW windtunnel_abc003.mine AS SELECT 1'));
  const report = await healAll();
  expect(report.isDone).toBe(false);
  expect(textOf(report)).toMatch(/not healed, of run abc003 .* there is still a schema \(cannot drop schema/);
  expect(states()).toEqual(['abc003.json']);
  await withClient(database.dsn, (client) => client.query('DROP VIEW windtunnel_abc003.mine'));
  expect(await healAll()).toMatchObject({ isDone: true });
  expect(states()).toEqual([]);
});

test('`down` removes from targets what dead runs have left there, and says what it could not', async () => {
  await leave('abc004');
  killed('abc004', file);
  const env = { WINDTUNNEL_CACHE: path.join(folder, 'cache') };
  const done = await callInProcess(['down'], folder, env);
  expect(done).toMatchObject({ code: 0, stderr: '' });
  expect(done.stdout).toMatch(/^No stack is up\.\n[\s\S]*target\.yaml: removed a replication slot, .* of run abc004 /);
  expect(states()).toEqual([]);

  killed('abc005', targetFile('away.yaml', 'postgresql://airflow@127.0.0.1:1/airflow'));
  const away = await callInProcess(['down'], folder, env);
  expect(away.code).toBe(4);
  expect(away.stdout).toMatch(/away\.yaml: not healed, because [\s\S]*slot_name = 'windtunnel_abc005'/);
  expect(states()).toEqual(['abc005.json']);
  rmSync(path.join(folder, 'cache', 'state', 'abc005.json'));
});

test('a soak that is resumed first removes from its target what its killed harness has left there', async () => {
  await leave('abc006');
  killed('abc006', file);
  const { soak } = await newSoak({ scenario: 'seeds', build: 'reference', duration: '20m', window: '10m' });
  const session = { number: 1, started_at: soak.started_at, harness: { pid: 1, born: 'never' }, identity: null };
  const stored = path.join(folder, 'soak');
  for (const part of ['windows', 'logs']) mkdirSync(path.join(stored, part), { recursive: true });
  writeFileSync(
    path.join(stored, 'soak.json'),
    JSON.stringify({ ...soak, subject: { target: file }, sessions: [session] }),
  );
  const said = vi.spyOn(console, 'error').mockImplementation(() => undefined);
  await resumeSoak(stored);
  expect(said.mock.calls.flat().join('\n')).toMatch(/target\.yaml: removed a replication slot, .* of run abc006 /);
  said.mockRestore();
  expect(states()).toEqual([]);
});
