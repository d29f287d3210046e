import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import pg from 'pg';
import { request } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';

import { queryRun } from '../harness/judge/query-run.ts';
import { dsnOfTarget, type TargetFile } from '../harness/stacks/target-file.ts';
import { expectNothingLeft, readLines, type Started, stacksFolder, start, until, windtunnel } from './airflow.ts';

/**
 * A stack that others use is full of secrets. A run plays there, and whatever it leaves is searched for them: the run
 * folder, its Parquet files, what each command prints or writes of it, as they are and as they may be encoded.
 */

/** By the place where it is planted. Quotes, blanks and signs, because these are what filters stumble over. */
const PLANTED: Readonly<Record<string, string>> = {};
function secret(place: string): string {
  const made = `s3cr3t-${place}-/+é9"${String(Object.keys(PLANTED).length).padStart(2, '0')}`;
  (PLANTED as Record<string, string>)[place] = made;
  return made;
}
const sql = (place: string) => secret(place).replaceAll("'", "''");

const ENVIRONMENT = {
  AWS_SECRET_ACCESS_KEY: secret('env-aws'),
  GITHUB_TOKEN: secret('env-github'),
  AIRFLOW_CONN_PROD: `postgresql://u:${encodeURIComponent(secret('env-conn'))}@db/x`,
  STAGING_DB_PASSWORD: secret('env-db'),
};

let cwd: string;
let stacks: string;
let up: Started;
let target: TargetFile;
let dsn: string;
let gateway: Server;
const said: string[] = [];

async function call(...args: string[]): Promise<number | null> {
  const { code, stdout, stderr } = await windtunnel(args, cwd, { ...ENVIRONMENT, TMPDIR: stacks });
  said.push(stdout, stderr);
  return code;
}

async function connected<T>(name: string, work: (client: pg.Client) => Promise<T>, database?: string): Promise<T> {
  const url = new URL(dsn);
  if (database !== undefined) url.pathname = `/${database}`;
  const client = new pg.Client({ connectionString: url.href, application_name: name });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Each may fail: what it says stands in the server's log then. */
async function attempts(name: string, statements: readonly string[], database?: string): Promise<void> {
  await connected(
    name,
    async (client) => {
      for (const statement of statements) await client.query(statement).catch(() => undefined);
    },
    database,
  );
}

const FOREIGN = [
  `INSERT INTO dag (dag_id, is_paused, is_stale, bundle_name, timetable_type, max_active_tasks,
     max_consecutive_failed_dag_runs, has_task_concurrency_limits, description)
   VALUES ('payroll', true, false, 'x', 'x', 1, 0, false, '${sql('dag-description')}')`,
  `INSERT INTO dag_run (dag_id, run_id, state, run_type, run_after, conf, triggering_user_name)
   VALUES ('payroll', 'for ${sql('run-id')}', 'success', 'manual', now(),
     jsonb_build_object('p', '${sql('dag-parameter')}'), '${sql('user-name')}')`,
  `INSERT INTO task_instance (id, task_id, dag_id, run_id, state, try_number, pool, pool_slots, hostname)
   VALUES (gen_random_uuid(), 'pay', 'payroll', 'for ${PLANTED['run-id']}', 'success', 1, 'default_pool', 1,
     '${sql('hostname')}')`,
  `INSERT INTO rendered_task_instance_fields (dag_id, task_id, run_id, rendered_fields)
   VALUES ('payroll', 'pay', 'for ${PLANTED['run-id']}', json_build_object('env', '${sql('rendered')}'))`,
  `INSERT INTO xcom (dag_run_id, task_id, key, dag_id, run_id, value, timestamp)
   SELECT id, 'pay', 'k', dag_id, run_id, to_jsonb('${sql('xcom')}'::text), now()
   FROM dag_run WHERE dag_id = 'payroll'`,
  `INSERT INTO trigger (classpath, kwargs, created_date) VALUES ('airflow.providers.standard.triggers.file.FileTrigger',
     '${sql('trigger-kwargs')}', now())`,
  `INSERT INTO log (event, dag_id, extra, owner)
   VALUES ('cli', 'payroll', '${sql('log-extra')}', '${sql('log-owner')}')`,
  `INSERT INTO connection (conn_id, conn_type, password, extra, is_encrypted, is_extra_encrypted)
   VALUES ('prod', 'postgres', '${sql('connection')}', '${sql('connection-extra')}', false, false)`,
  `INSERT INTO variable (key, val, is_encrypted) VALUES ('token', '${sql('variable')}', false)`,
];

/** What fails, as the stack itself does it, and as others do. */
const OWN_FAILURES = [
  `INSERT INTO connection (conn_id, conn_type, password, is_encrypted, is_extra_encrypted)
   VALUES ('prod', 'x', '${sql('duplicate-connection')}', false, false)`,
  `SELECT '${sql('not-a-number')}'::int`,
  `DO $$ BEGIN RAISE EXCEPTION '${sql('raised')}'; END $$`,
  `INSERT INTO variable (key, val, is_encrypted) VALUES ('${sql('null-variable')}', NULL, false)`,
  `SELECT 1/0 /* ${sql('comment')} */`,
  `SELECT 1/0, E'${sql('escaped')}', $tag$${sql('dollar-quoted')}$tag$`,
  `SELECT syntax error "${sql('identifier').replaceAll('"', '""')}"`,
];

const holder = `UPDATE dag_run SET triggering_user_name = '${sql('lock-holder')}' WHERE dag_id = 'payroll'`;
const waiter = `UPDATE dag_run SET triggering_user_name = '${sql('lock-waiter')}' WHERE dag_id = 'payroll'`;
const others = [`UPDATE dag SET description = '${sql('deadlock-a')}' WHERE dag_id = 'payroll'`, holder];
const otherNames = [secret('application').slice(0, 60), secret('application-2').slice(0, 60)] as const;

/** Two clients, each of which waits for what the other has. */
async function deadlock(): Promise<void> {
  const [one, two] = otherNames;
  await connected(one, async (a) =>
    connected(two, async (b) => {
      await a.query('BEGIN');
      await b.query('BEGIN');
      await a.query(others[0] ?? '');
      await b.query(waiter);
      await Promise.allSettled([a.query(holder), b.query(others[0] ?? '')]);
      await Promise.allSettled([a.query('ROLLBACK'), b.query('ROLLBACK')]);
    }),
  );
}

async function plant(): Promise<void> {
  await attempts('wt-api-core-1', OWN_FAILURES);
  await attempts(otherNames[0], OWN_FAILURES);
  const crm = [`CREATE ROLE reader PASSWORD '${sql('role')}' NONSENSE`, `SELECT 1/0, '${sql('other-database')}'`];
  await attempts('wt-scheduler-1', crm, 'crm');
  await deadlock();
  // Long enough for the sampler to see it.
  await connected('wt-scheduler-1', async (a) =>
    connected(otherNames[1], async (b) => {
      await a.query('BEGIN');
      await a.query(holder);
      const waits = b.query(waiter);
      await sleep(1_500);
      await a.query('COMMIT');
      await waits;
    }),
  );
  const now = new Date().toISOString();
  for (const { log } of target.processes ?? []) {
    appendFileSync(log, `${now} [error    ] cannot reach postgresql://u:${secret('process-log')}@db/x [airflow.x]\n`);
    appendFileSync(log, `sqlalchemy.exc.OperationalError: ${secret('exception')}\n`);
    appendFileSync(log, `${now} [warning  ] heartbeat timeout of ${secret('action-line')} [airflow.x]\n`);
  }
}

/** A proxy before the public API, as companies have them: it answers the first backfill with a page of its own. */
function openGateway(api: string): Promise<Server> {
  const page = `<html>502 by ${secret('gateway')}</html>`;
  let refused = 0;
  const server = createServer((asked, response) => {
    if (asked.method === 'POST' && asked.url?.endsWith('/backfills') && refused++ === 0)
      return void response.writeHead(502).end(page);
    const { host: _, connection: __, ...headers } = asked.headers;
    request(`${api}${asked.url}`, { method: asked.method as 'GET', headers, body: asked }).then(
      (answer) =>
        void answer.body.pipe(response.writeHead(answer.statusCode, answer.headers as Record<string, string>)),
      () => response.writeHead(502).end(),
    );
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

beforeAll(async () => {
  cwd = mkdtempSync(path.join(tmpdir(), 'windtunnel-secrets-'));
  stacks = stacksFolder(cwd);
  up = start(['up', 'reference', '--out', 'target.yaml'], cwd, { ...ENVIRONMENT, TMPDIR: stacks });
  await until('the stack', () => readdirSync(cwd).includes('target.yaml'));
  target = parse(readFileSync(path.join(cwd, 'target.yaml'), 'utf8'));
  dsn = dsnOfTarget(path.join(cwd, 'target.yaml'));
  gateway = await openGateway(target.public_api);
  const { port } = gateway.address() as AddressInfo;
  const behind = { ...target, public_api: `http://127.0.0.1:${port}` };
  writeFileSync(path.join(cwd, 'behind.yaml'), stringify(behind));
  await connected('setup', async (client) => {
    await client.query('CREATE DATABASE crm');
    for (const statement of FOREIGN) await client.query(statement);
  });
}, 300_000);

afterAll(async () => {
  gateway?.close();
  up?.kill('SIGTERM');
  await up?.ended;
  rmSync(cwd, { recursive: true, force: true });
});

/** As it is, in JSON, in a URL, in hexadecimal, and in base64 wherever it begins in what was encoded. */
function forms(text: string): string[] {
  const aligned = [0, 1, 2].flatMap((before) => {
    const whole = Buffer.from(`${'x'.repeat(before)}${text}`);
    const inner = whole
      .toString('base64')
      .slice(before === 0 ? 0 : 4)
      .replace(/=+$/, '')
      .slice(0, -2);
    return [inner, inner.replaceAll('+', '-').replaceAll('/', '_')];
  });
  return [
    text,
    JSON.stringify(text).slice(1, -1),
    encodeURIComponent(text),
    Buffer.from(text).toString('hex'),
    // What a filter of quotes or of signs may leave.
    ...text.split(/[^\w-]+/).filter((part) => part.startsWith('s3cr3t-')),
    ...aligned,
  ];
}

function contents(folder: string): [place: string, text: string][] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => {
      const file = path.join(parentPath, name);
      return [file, readFileSync(file, 'utf8')];
    });
}

test('no secret of a stack that others use is left anywhere', { timeout: 600_000 }, async () => {
  const flags = ['--target', 'behind.yaml', '--duration', '12s', '--seed', '7', '--out', 'run'];
  const run = start(['run', 'seeds', ...flags], cwd, { ...ENVIRONMENT, TMPDIR: stacks });
  const folder = path.join(cwd, 'run');
  const commits = path.join(folder, 'raw', 'commits.ndjson');
  await until('the load', () => {
    try {
      return readLines(commits).length > 50;
    } catch {
      return false;
    }
  });
  await plant();
  const { code, stdout, stderr } = await run.ended;
  said.push(stdout, stderr);
  expect([0, 1, 3]).toContain(code);

  // The reports are in the run folder already; each of these prints other parts of it.
  await Promise.all([
    call('check', 'run', '--json'),
    call('explain', 'run'),
    call('report', 'run', '--format', 'markdown', '--out', 'exported/report.md'),
    call('query', 'run', 'FROM server_log', '--json'),
  ]);
  const tables = ['server_log', 'commits', 'lock_waits', 'backends', 'sightings', 'operations', 'manifest', 'lives'];
  const finals = readdirSync(folder).flatMap((name) => /^(final_.*)\.parquet$/.exec(name)?.[1] ?? []);
  expect(finals.length).toBeGreaterThan(5);
  const rows: Record<string, number> = {};
  for (const table of [...tables, ...finals]) {
    rows[table] = 0;
    for await (const piece of queryRun(folder, `FROM ${table}`)) {
      rows[table] += piece.rows.length;
      said.push(JSON.stringify(piece));
    }
  }
  // What was planted has been recorded, without its texts.
  expect(rows.server_log).toBeGreaterThan(5);
  expect(rows.lock_waits).toBeGreaterThan(0);
  const whole = said.join('\n');
  // A row of operations.
  expect(whole).toMatch(/\[[^\]]*"backfill"[^\]]*,502,[^\]]*"a message that was not kept"[^\]]*\]/);
  expect(whole).toContain('40P01');
  expect(whole).toContain('another client');

  const live = [target.dsn_password, target.jwt_secret].flatMap((where) =>
    where && 'file' in where ? [readFileSync(where.file, 'utf8').trim()] : [],
  );
  const places = [...contents(folder), ...contents(path.join(cwd, 'exported')), ['printed', whole]];
  const all = Object.entries({ ...PLANTED, ...Object.fromEntries(live.map((text, place) => [`live-${place}`, text])) });
  expect(all.length).toBeGreaterThanOrEqual(30);
  const found = all.flatMap(([name, text]) =>
    forms(text).flatMap((form) =>
      places.filter(([, there]) => there?.includes(form)).map(([place]) => `${name}: ${place}`),
    ),
  );
  expect([...new Set(found)]).toEqual([]);
  expect(whole).not.toMatch(/eyJ[A-Za-z0-9_-]{20}/);

  for (const [file] of contents(folder)) expect(statSync(file).mode & 0o077, file).toBe(0);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  // They were there to be found: the server's own log has them.
  const log = readFileSync(target.postgres_jsonlog ?? '', 'utf8');
  for (const place of ['role', 'other-database', 'raised', 'comment', 'duplicate-connection', 'deadlock-a'])
    expect(log, place).toContain(JSON.stringify(PLANTED[place]).slice(1, -1));
  up.kill('SIGTERM');
  await up.ended;
  expectNothingLeft(stacks);
});
