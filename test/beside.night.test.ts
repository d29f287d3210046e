import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';

import { startAirflow } from '../harness/stacks/airflow/airflow.ts';
import { targetOf } from '../harness/stacks/keep-up.ts';
import type { ManagedStack } from '../harness/stacks/managed.ts';
import { withClient } from '../harness/system/postgres-client.ts';
import { ProcessTable } from '../harness/system/process-table.ts';
import { start, whyNoAirflow, windtunnel } from './airflow.ts';

const why = await whyNoAirflow();
const RUN_MS = 1_200_000;
const OURS = 'windtunnel_executor.HandOffExecutor';

/** DAGs of others: one that the first executor runs, and one, paused, that asks for ours, with priority. */
const FOREIGN = `
import time
from datetime import datetime
from airflow.sdk import DAG, task

with DAG("payroll", schedule=None, start_date=datetime(2026, 1, 1), is_paused_upon_creation=False):
    @task
    def pay_salaries():
        time.sleep(4)
        return "paid"
    pay_salaries()

with DAG("intruder", schedule=None, start_date=datetime(2026, 1, 1), is_paused_upon_creation=True,
         default_args={"executor": "${OURS}", "priority_weight": 100}):
    @task
    def enter():
        return "entered"
    enter()
`;

describe.skipIf(why !== undefined)('on a real Airflow with a LocalExecutor before ours', () => {
  let cwd = '';
  let table: ProcessTable;
  let stack: ManagedStack;
  let token = '';

  beforeAll(async () => {
    cwd = mkdtempSync(path.join(tmpdir(), 'windtunnel-test-'));
    table = new ProcessTable(randomBytes(3).toString('hex'));
    stack = await startAirflow({
      version: '3.3.2',
      settings: {
        AIRFLOW__CORE__EXECUTOR: `LocalExecutor,${OURS}`,
        // A LocalExecutor begins with so many processes.
        AIRFLOW__CORE__PARALLELISM: '32',
        AIRFLOW__LOGGING__WORKER_LOG_SERVER_HOST: '127.0.0.1',
      },
      schedulers: 1,
      apiServers: 1,
      triggerer: false,
      queuedTimeoutS: 30,
      table,
      logOf: (name) => path.join(cwd, `${name}.log`),
      progress: () => undefined,
      signal: AbortSignal.timeout(RUN_MS),
    });
    writeFileSync(path.join(stack.dagsFolder, 'foreign.py'), FOREIGN);
    await stack.ready;
    token = await stack.publicToken();
    const { executor: _, ...shared } = targetOf('shared', stack, table);
    writeFileSync(path.join(cwd, 'unnamed.yaml'), stringify(shared));
    writeFileSync(path.join(cwd, 'named.yaml'), stringify({ ...shared, executor: OURS }));
    writeFileSync(path.join(cwd, 'misnamed.yaml'), stringify({ ...shared, executor: 'nobodys' }));
    await until('the foreign DAGs', async () => (await ask('SELECT 1 FROM serialized_dag')).length === 2);
  }, RUN_MS);

  afterAll(async () => {
    await stack?.close();
    await table.close();
    rmSync(cwd, { recursive: true, force: true });
  }, RUN_MS);

  const ask = (sql: string, values: unknown[] = []): Promise<Record<string, unknown>[]> =>
    withClient(stack.dsn, async (client) => (await client.query(sql, values)).rows);

  async function until(what: string, holds: () => Promise<boolean>, withinMs = 300_000): Promise<void> {
    for (let waited = 0; !(await holds()); waited += 250) {
      if (waited > withinMs) throw new Error(`waited ${withinMs / 1000} s for ${what}`);
      await sleep(250);
    }
  }

  async function api(method: 'POST' | 'PATCH', where: string, body: object): Promise<void> {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const url = `${stack.publicUrl}/api/v2/dags/${where}`;
    const { statusCode, body: answer } = await request(url, { method, headers, body: JSON.stringify(body) });
    if (statusCode >= 300) throw new Error(`${where}: ${statusCode} ${await answer.text()}`);
  }

  const trigger = (dag: string, run: string) => api('POST', `${dag}/dagRuns`, { dag_run_id: run, logical_date: null });
  const succeeded = async (run: string) =>
    (await ask('SELECT state FROM dag_run WHERE run_id = $1', [run]))[0]?.state === 'success';

  /** Every column of every row that belongs to a DAG run. */
  async function hashOf(run: string): Promise<Record<string, unknown>> {
    const tables = [
      'dag_run',
      'task_instance',
      'task_instance_history',
      'xcom',
      'rendered_task_instance_fields',
      'log',
    ];
    const hashes = tables.map(async (name) => {
      const [row] = await ask(
        `SELECT count(*) || ' ' || coalesce(md5(string_agg(t::text, E'\\n' ORDER BY t::text)), '') AS hash
           FROM ${name} AS t WHERE run_id = $1`,
        [run],
      );
      return [name, row?.hash] as const;
    });
    return Object.fromEntries(await Promise.all(hashes));
  }

  /** A run of windtunnel of which the load has begun. */
  async function loading(name: string, seconds: number) {
    const args = ['run', 'seeds', '--target', 'named.yaml', '--seed', '3', '--duration', `${seconds}s`, '--out', name];
    const run = start(args, cwd);
    const manifest = path.join(cwd, name, 'manifest.json');
    await until('the load', async () => {
      if (existsSync(manifest)) return JSON.parse(readFileSync(manifest, 'utf8')).load_started_ms !== null;
      return false;
    });
    return run;
  }

  test('without the name of ours no run begins; with it, DAGs of others run as they would alone', {
    timeout: RUN_MS,
  }, async () => {
    await trigger('payroll', 'before');
    await until('the run before', () => succeeded('before'));
    const before = await hashOf('before');
    expect(before).toMatchObject({
      dag_run: expect.stringMatching(/^1 /),
      task_instance: expect.stringMatching(/^1 /),
    });

    const refused = await windtunnel(['run', 'seeds', '--target', 'unnamed.yaml', '--out', 'refused'], cwd);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toMatch(/would come to windtunnel's executor, which runs nothing: payroll\. Pause them\./);
    expect(existsSync(path.join(cwd, 'refused'))).toBe(false);

    const misnamed = await windtunnel(['run', 'seeds', '--target', 'misnamed.yaml', '--out', 'misnamed'], cwd);
    expect(misnamed.code).toBe(4);
    expect(misnamed.stderr).toMatch(/cannot import them, because .*nobodys/);

    const run = await loading('beside', 25);
    await trigger('payroll', 'during');
    await until('the run during', () => succeeded('during'));
    const { code, stderr } = await run.ended;
    // What the build itself does wrong may be found; no finding is about a DAG of others.
    expect([0, 1, 3], stderr).toContain(code);
    // What a scheduler takes back after this time is no finding.
    const { identity } = JSON.parse(readFileSync(path.join(cwd, 'beside', 'manifest.json'), 'utf8'));
    expect(identity).toMatchObject({ task_queued_timeout_s: '30' });
    expect(readFileSync(path.join(cwd, 'beside', 'verdict.json'), 'utf8')).not.toContain('payroll');

    expect(await hashOf('before')).toEqual(before);
    const [paid] = await ask(
      `SELECT ti.state, ti.executor, ti.hostname ~ '^w-' AS played, x.value #>> '{}' AS value
         FROM task_instance AS ti JOIN xcom AS x USING (dag_id, task_id, run_id, map_index)
        WHERE run_id = 'during' AND x.key = 'return_value'`,
    );
    expect(paid).toEqual({ state: 'success', executor: null, played: false, value: 'paid' });
    // Ours had nothing but tasks of the run, and the other had none of them.
    const [ours] = await ask(
      `SELECT count(*)::int > 20 AS many, bool_and(executor = $1) AS all_ours, bool_and(hostname ~ '^w-') AS all_played
         FROM task_instance WHERE dag_id ~ '^wt_' AND hostname <> ''`,
      [OURS],
    );
    expect(ours).toEqual({ many: true, all_ours: true, all_played: true });
    const scheduler = readFileSync(path.join(cwd, 'scheduler-1.log'), 'utf8');
    expect(scheduler).not.toContain('was run by another executor');
  });

  test('a task of others that comes all the same is left to Airflow’s own time-out, and ends the run', {
    timeout: RUN_MS,
  }, async () => {
    const run = await loading('entered', 120);
    await api('PATCH', 'intruder', { is_paused: false });
    await trigger('intruder', 'uninvited');
    const { code, stderr } = await run.ended;
    expect(code).toBe(4);
    expect(stderr).toMatch(/handed over intruder\.enter, which is not of this run\. .*neither played nor acknowledged/);
    const states = () =>
      ask(`SELECT state, start_date, (SELECT count(*)::int FROM xcom WHERE run_id = 'uninvited') AS xcoms
             FROM task_instance WHERE run_id = 'uninvited'`);
    const [state] = await states();
    expect(state).toMatchObject({ start_date: null, xcoms: 0 });
    expect(['queued', 'scheduled', null]).toContain(state?.state);
    // It comes again, until Airflow gives it up.
    const again = await windtunnel(['run', 'seeds', '--target', 'named.yaml', '--out', 'again'], cwd);
    expect(again.code).toBe(2);
    expect(again.stderr).toMatch(/would come to windtunnel's executor.*: intruder\. Pause them\. They ask for it/);
    await until(
      "Airflow's own time-out",
      async () => (await ask("SELECT 1 FROM log WHERE run_id = 'uninvited' AND event ~ 'stuck in queued'")).length > 0,
    );
    expect((await states())[0]).toMatchObject({ start_date: null, xcoms: 0 });
  });
});
