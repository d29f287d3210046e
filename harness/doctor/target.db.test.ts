import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { REFERENCE_TEMPLATE } from '../../test/postgres-servers.ts';
import { Installation } from '../record/writers.ts';
import { splitPassword } from '../stacks/target-dsn.ts';
import { withClient } from '../system/postgres-client.ts';
import { newDatabase, type TestDatabase } from '../testing/database.ts';
import { examineTarget } from './target.ts';

let folder: string;
let database: TestDatabase;

beforeAll(async () => {
  database = await newDatabase(REFERENCE_TEMPLATE);
  folder = mkdtempSync(path.join(tmpdir(), 'wt-test-'));
});

afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await database.drop();
});

/** What doctor says of a target with this user of the database: `state part: sentence`. */
async function said(changes: (url: URL) => void = () => undefined): Promise<string[]> {
  const url = new URL(database.dsn);
  changes(url);
  const file = path.join(folder, 'target.yaml');
  const apis = 'execution_api: [http://127.0.0.1:1/execution]\npublic_api: http://127.0.0.1:1';
  const { dsn, password } = splitPassword(url.href);
  const secret = path.join(folder, 'dsn-password');
  writeFileSync(secret, password ?? '', { mode: 0o600 });
  const rest = 'jwt_secret: { env: NOT_SET }\nhandoff: unix:/nowhere\ndags_folder: /nowhere';
  writeFileSync(
    file,
    `${apis}\ndsn: ${dsn}\n${password === undefined ? '' : `dsn_password: { file: ${secret} }\n`}${rest}\n`,
  );
  return (await examineTarget(file)).map(({ state, part, sentence }) => `${state} ${part}: ${sentence}`);
}

test('doctor says what a run on a target would find, and changes nothing', async () => {
  expect(await said()).toEqual([
    'ok agreement: a run may begin here',
    'ok commits: the database and its user allow all that is needed',
    "ok snapshot: Airflow's tables can be read",
    expect.stringMatching(/^note advice: max_slot_wal_keep_size is -1/),
    expect.stringMatching(/^note advice: The role "airflow" is a superuser/),
    'ok leftovers: no killed run left anything behind',
  ]);
  const installation = new Installation(database.dsn, 'abc00d');
  await installation.install();
  expect((await said()).at(-2)).toMatch(/^note leftovers: run abc00d is recording here \(/);
  await installation.close();
  const left =
    /^missing leftovers: killed runs left a replication slot, a publication, 7 triggers and a schema of run abc/;
  expect((await said()).at(-1)).toMatch(left);
  expect((await said()).at(-1)).toMatch(left);
  expect(await installation.remove()).toBeUndefined();
});

test('doctor names every lack at once, and a database that does not answer', async () => {
  const role = `doctor_${path.basename(folder).replace(/\W/g, '').toLowerCase()}`;
  await withClient(database.dsn, (client) =>
    client.query(`CREATE ROLE ${role} LOGIN PASSWORD '${new URL(database.dsn).password}'`),
  );
  const lines = await said((url) => {
    url.username = role;
  });
  await withClient(database.dsn, (client) => client.query(`DROP ROLE ${role}`));
  expect(lines[0]).toMatch(/^missing agreement: this could not be asked: permission denied for table dag/);
  expect(lines.filter((line) => line.startsWith('missing commits: ')).length).toBe(3);
  expect(lines.find((line) => line.startsWith('missing snapshot'))).toContain('serialized_dag, task_instance');
  expect(
    await said((url) => {
      url.port = '1';
    }),
  ).toEqual([expect.stringContaining('missing database: the database cannot be reached: connect ECONNREFUSED')]);
});
