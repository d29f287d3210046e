import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { stringify } from 'yaml';

import { messageOf, UsageError } from '../model/errors.ts';
import { checkTarget, dsnOfTarget, readTarget, TARGET } from './target-file.ts';

let folder = '';
let secret = '';
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'wt-target-'));
  secret = path.join(folder, 'secret');
  writeFileSync(secret, 'jwt-hunter2\n', { mode: 0o600 });
});
afterEach(() => vi.unstubAllEnvs());
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const right = () => ({
  execution_api: ['http://127.0.0.1:8081/execution'],
  public_api: 'http://127.0.0.1:8080',
  dsn: 'postgresql://u@127.0.0.1:5432/airflow',
  jwt_secret: { file: secret } as unknown,
  handoff: 'unix:/run/h.sock',
  dags_folder: '/dags',
});

function written(content: string | object): string {
  const file = path.join(folder, 'target.yaml');
  writeFileSync(file, typeof content === 'string' ? content : stringify(content));
  return file;
}

function complaint(content: string | object): string {
  try {
    checkTarget(written(content));
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  return '';
}

test('a file with its secrets; what needs the database alone does not ask for the other secret', () => {
  vi.stubEnv('WT_TEST_DB_PASSWORD', 'a/b#c');
  const file = written({ ...right(), executor: 'wt', dsn_password: { env: 'WT_TEST_DB_PASSWORD' } });
  expect(readTarget(file)).toMatchObject({ executor: 'wt', jwtSecret: 'jwt-hunter2', i_own_this: false });
  const healed = written({
    ...right(),
    jwt_secret: { env: 'WT_NOT_SET' },
    dsn_password: { env: 'WT_TEST_DB_PASSWORD' },
  });
  expect(dsnOfTarget(healed)).toBe('postgresql://u:a%2Fb%23c@127.0.0.1:5432/airflow');
});

test('all that is wrong is said at once, and no secret is quoted', () => {
  const said = complaint({
    ...right(),
    execution_api: ['ftp://10.1.2.3'],
    public_api: 'https://10.1.2.3/',
    dsn: 'postgresql://u:hunter2@127.0.0.1/airflow?host=192.0.2.77',
    dsn_password: { env: 'WT_NOT_SET' },
    jwt_secret: 'hunter2',
    handoff: 'tcp:10.0.0.9',
    i_own_thsi: true,
  });
  expect(said).not.toContain('hunter2');
  for (const part of [
    'execution_api.0: must be a URL that begins with http:// or https://',
    'dsn: holds a password',
    'jwt_secret: must be { env: NAME } or { file: PATH }',
    'handoff: must be unix:/path or tcp:host:port',
    'there is no "i_own_thsi" (did you mean "i_own_this"?)',
    'names 10.1.2.3, which is not this machine',
    'dsn_password: comes from the environment variable WT_NOT_SET, which is not set',
  ])
    expect(said).toContain(part);
});

test('the host after the ? of the connection string counts', () => {
  const dsn = 'postgresql://u@127.0.0.1:5432/airflow?host=192.0.2.77&port=1';
  expect(complaint({ ...right(), dsn })).toMatch(/names 192\.0\.2\.77, which is not this machine.*i_own_this: true/);
  expect(complaint({ ...right(), dsn, i_own_this: true })).toBe('');
  expect(complaint({ ...right(), dsn: 'postgresql://u@/airflow?host=/run/postgresql' })).toBe('');
  expect(complaint({ ...right(), handoff: 'tcp:10.0.0.9:8701' })).toMatch(
    /names 10\.0\.0\.9[\s\S]*handoff: over TCP it needs WINDTUNNEL_HANDOFF_TOKEN/,
  );
});

test('a secret must be there, be readable by its owner alone, and not be empty', () => {
  const open = path.join(folder, 'open');
  writeFileSync(open, 'hunter2');
  chmodSync(open, 0o644);
  const empty = path.join(folder, 'empty');
  writeFileSync(empty, '\n', { mode: 0o600 });
  const from = (file: string) => complaint({ ...right(), jwt_secret: { file } });
  expect(from(open)).toMatch(/can be read by others: `chmod 600 /);
  expect(from(empty)).toContain('which is empty');
  expect(from(path.join(folder, 'none'))).toContain('which cannot be read: no such file or folder');
  expect(from(folder)).toContain('which cannot be read: a folder, where a file is needed');
});

test('what is no file of this kind at all is one sentence', () => {
  expect(() => checkTarget(path.join(folder, 'none.yaml'))).toThrow('none.yaml does not exist; `windtunnel up BUILD`');
  expect(() => checkTarget(folder)).toThrow('a folder, where a file is needed');
  expect(complaint('')).toContain('file: must be an object');
  expect(complaint('- hunter2')).toContain('file: must be an object');
  expect(complaint('dsn: [')).toMatch(/cannot be read as YAML: .* at line 1, column \d+/);
  expect(complaint('jwt_secret: *hunter2')).not.toContain('hunter2');
  expect(complaint('jwt_secret: !hunter2 x')).not.toContain('hunter2');
});

test('whatever stands in it is taken, or refused in a sentence without the secret', () => {
  const text = fc.oneof(fc.string(), fc.constantFrom('postgresql://u:hunter2@h/d', 'tcp:x', 'unix:/y', '*hunter2'));
  const any = fc.oneof(fc.jsonValue({ maxDepth: 2 }), text, fc.webUrl({ validSchemes: ['http', 'postgresql'] }));
  const fields = Object.fromEntries(Object.keys(TARGET.shape).map((name) => [name, any]));
  const file = fc.record(fields, { requiredKeys: [] }).map((some) => stringify({ ...right(), ...some }));
  fc.assert(
    fc.property(fc.oneof(file, fc.string()), (content) => {
      try {
        checkTarget(written(content));
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError);
        expect(messageOf(error)).not.toContain('\n    at ');
      }
    }),
    { numRuns: 150 },
  );
  // Words that may be a secret, wherever one is expected.
  const secrets = fc.constantFrom('dsn', 'dsn_password', 'jwt_secret');
  const near = fc.tuple(fc.string(), fc.string()).map(([a, b]) => `postgresql://u:${a}hunter2${b}@127.0.0.1/d`);
  const wrong = fc.oneof(near, fc.constant({ password: 'hunter2' }), fc.constant(['hunter2']));
  fc.assert(
    fc.property(secrets, wrong, (field, value) => {
      expect(complaint({ ...right(), [field]: value })).toMatch(/^(?![\s\S]*hunter2)[\s\S]+/);
    }),
    { numRuns: 150 },
  );
});
