import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';

import type { LiteralRun } from '../harness/judge/literal-run.ts';
import { DiscreetRecord } from '../harness/record/discreet-record.ts';
import { ServerLog } from '../harness/record/server-log.ts';
import { RunClock } from '../harness/run-folder/clock.ts';
import { newDatabase, type TestDatabase } from '../harness/testing/database.ts';
import { judgeLiteral, many } from '../harness/testing/judge-literal.ts';
import { WATCHED_SCHEMA } from './schema.ts';

/** Deadlocks of a real PostgreSQL, as the record of a target keeps them, and what the judge makes of each. */

const ID = 'a1b2c3';
const OURS = `wt_${ID}_wt_dag`;
type Row = Record<string, unknown>;

let database: TestDatabase;
let admin: pg.Client;

beforeAll(async () => {
  database = await newDatabase();
  admin = await connected('admin');
  await admin.query(WATCHED_SCHEMA);
  await admin.query(`ALTER DATABASE ${name()} SET deadlock_timeout = '50ms'`);
  await admin.query(`INSERT INTO dag_run (id, dag_id, run_id) VALUES (1, 'payroll', 'of Ada'), (2, 'payroll', 'of Bob'),
    (3, '${OURS}', 'manual__1'), (4, '${OURS}', 'manual__2')`);
});

afterAll(async () => {
  await admin.end();
  await database.drop();
});

function name(): string {
  return new URL(database.dsn).pathname.slice(1);
}

async function connected(application: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: database.dsn, application_name: application });
  await client.connect();
  return client;
}

/** Two clients, each of which waits for the row that the other has changed. */
async function deadlock(clients: readonly [string, string], dag: string, runs: readonly [string, string]) {
  const [a, b] = await Promise.all([connected(clients[0]), connected(clients[1])]);
  const change = (run: string) => `UPDATE dag_run SET state = 'running' WHERE dag_id = '${dag}' AND run_id = '${run}'`;
  await Promise.all([a.query(`BEGIN; ${change(runs[0])}`), b.query(`BEGIN; ${change(runs[1])}`)]);
  const ended = await Promise.allSettled([a.query(change(runs[1])), b.query(change(runs[0]))]);
  expect(ended.filter(({ status }) => status === 'rejected').length).toBe(1);
  await Promise.all([a.end(), b.end()]);
}

/** What is kept of the server's log. */
async function kept(deadlocks: number): Promise<Row[]> {
  const { rows: found } = await admin.query<{ folder: string }>(`SELECT current_setting('data_directory') AS folder`);
  const rows: Row[] = [];
  const inner = {
    append: (table: string, row: object) => void (table === 'server_log' && rows.push(row as Row)),
    flush: async () => undefined,
    behindMs: 0,
  };
  const record = new DiscreetRecord(inner, { database: name(), dagPrefix: `wt_${ID}_wt_`, taskIds: new Set() });
  const file = path.join(found[0]?.folder ?? '', 'wt_log', 'postgres.json');
  const log = new ServerLog(
    [{ source: 'postgres', file, format: 'postgres-jsonlog', from: 'start' }],
    record,
    new RunClock(),
  );
  while (rows.filter(({ sqlstate }) => sqlstate === '40P01').length < deadlocks) await sleep(50);
  log.close();
  return rows.filter(({ sqlstate }) => sqlstate === '40P01');
}

/** A run that no deadlock of its own happened in. */
function runWith(row: Row): LiteralRun {
  const version = { relation: 'dag_version', change: 'insert', dag_id: 'wt_dag', writer: 'wt-dag-processor' };
  const victim = row.application_name === '' ? 'wt-api-core-1' : String(row.application_name);
  return {
    operations: many(21, (i) => ({ kind: 'state', requested: 'success', sent_ms: i === 0 ? 20_000 : 3_000 + i })),
    commits: [
      { ...version, committed_ms: 0, row: { version_number: 1 } },
      { ...version, committed_ms: 2_500, row: { version_number: 2 } },
    ],
    // Both sides have the name of the victim, as the probe would have noted them.
    backends: pidsOf(row).map((pid) => ({ at_ms: -1e9, pid, application_name: victim })),
    server_log: [row],
    manifest: { id: ID, used_by_others: true },
  };
}

function pidsOf({ detail }: Row): number[] {
  return [...String(detail).matchAll(/^Process (\d+): /gm)].map(([, pid]) => Number(pid));
}

test('a deadlock of two other clients does not count; one about rows of the run is in doubt', async () => {
  await deadlock(['crm', 'crm'], 'payroll', ['of Ada', 'of Bob']);
  await deadlock(['crm', 'crm'], OURS, ['manual__1', 'manual__2']);
  await deadlock(['wt-scheduler-1', 'wt-scheduler-1'], 'payroll', ['of Ada', 'of Bob']);
  const [others, unclear, stack] = await kept(3);
  expect(JSON.stringify(others)).not.toMatch(/payroll|Ada|Bob|crm/);
  const judged = await Promise.all(
    [others, unclear, stack].map((row) => judgeLiteral('no-deadlocks', runWith(row ?? {}))),
  );
  expect(judged.map(({ verdict, violations }) => [verdict, violations])).toEqual([
    ['pass', 0],
    ['unknown', 0],
    ['fail', 1],
  ]);
});
