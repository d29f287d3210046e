/**
 * How many worker requests one API process of the reference stack carries, so that it is not what limits the harness.
 *
 *     npm run bench:reference
 *
 * Running task instances, each with its own token, send what workers send: eight heartbeats for every RTIF write and
 * every XCom push, over 64 connections. PostgreSQL, the API process and this client share the machine, so two figures
 * are given: what was answered a second, and what one core could carry if the API had it alone (answers per second of
 * the API process's own CPU).
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { performance } from 'node:perf_hooks';

import { SignJWT } from 'jose';
import { Pool } from 'undici';
import { startReference } from '../harness/stacks/reference.ts';
import { withClient } from '../harness/system/postgres-client.ts';
import { readProcessStats } from '../harness/system/proc.ts';
import { ProcessTable } from '../harness/system/process-table.ts';

const TASKS = 64;
const SECONDS = 5;
const ROUNDS = 5;

const table = new ProcessTable(`bench-${process.pid}`);
const scratch = mkdtempSync(path.join(tmpdir(), 'wt-bench-'));
try {
  const began = performance.now();
  const stack = await startReference({
    defects: [],
    schedulers: 1,
    apiServers: 1,
    triggerer: false,
    table,
    logOf: (name) => path.join(scratch, `${name}.log`),
    progress: () => undefined,
    signal: AbortSignal.timeout(120_000),
  });
  console.log(`up in ${((performance.now() - began) / 1000).toFixed(1)} s`);
  const tasks = await runningTasks(stack.dsn, stack.secret);
  const url = new URL(stack.executionUrls[0] ?? '');
  const api = stack.processes.find(({ name }) => name === 'api-execution-1');
  if (!api) throw new Error('the stack has no API server for workers');
  const pool = new Pool(url.origin, { connections: TASKS, pipelining: 1 });
  const answered: number[] = [];
  const perCore: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const before = readProcessStats([api.pid]).get(api.pid)?.cpuS ?? 0;
    const started = performance.now();
    const until = started + SECONDS * 1000;
    const counts = await Promise.all(tasks.map((task) => work(pool, url.pathname, task, until)));
    const count = counts.reduce((sum, n) => sum + n, 0);
    const cpu = (readProcessStats([api.pid]).get(api.pid)?.cpuS ?? 0) - before;
    if (round === 0) continue; // Warming up.
    answered.push(count / ((performance.now() - started) / 1000));
    perCore.push(count / cpu);
  }
  await pool.destroy();
  const row = (name: string, values: number[]) => {
    const sorted = values.toSorted((a, b) => a - b).map((value) => Math.round(value));
    console.log(`${name}: min ${sorted[0]}, median ${sorted[sorted.length >> 1]}, max ${sorted.at(-1)}`);
  };
  row(`requests/s answered (${ROUNDS} rounds of ${SECONDS} s)`, answered);
  row('requests per CPU second of the API process', perCore);
} finally {
  await table.close();
  rmSync(scratch, { recursive: true, force: true });
}

interface Task {
  readonly id: string;
  readonly token: string;
}

async function runningTasks(dsn: string, secret: string): Promise<Task[]> {
  const ids = Array.from({ length: TASKS }, () => randomUUID());
  await withClient(dsn, async (client) => {
    await client.query(`INSERT INTO dag (dag_id, is_paused, is_stale, bundle_name, timetable_type, max_active_tasks,
        max_consecutive_failed_dag_runs, has_task_concurrency_limits)
      VALUES ('wt_bench', true, false, 'dags-folder', 'cron', 512, 0, false)`);
    await client.query(`INSERT INTO dag_run (dag_id, run_id, run_type, state, run_after)
      VALUES ('wt_bench', 'r', 'manual', 'running', now())`);
    await client.query(
      `INSERT INTO task_instance (id, dag_id, run_id, task_id, map_index, state, try_number, pool, pool_slots, hostname,
         unixname, pid)
       SELECT id, 'wt_bench', 'r', 't-' || id, -1, 'running', 1, 'default_pool', 1, 'w', 'sim', 7
       FROM unnest($1::uuid[]) AS id`,
      [ids],
    );
  });
  const key = new TextEncoder().encode(secret);
  return Promise.all(
    ids.map(async (id) => {
      const token = await new SignJWT({})
        .setProtectedHeader({ alg: 'HS512' })
        .setSubject(id)
        .setAudience('urn:airflow.apache.org:task')
        .setIssuedAt()
        .setNotBefore('0s')
        .setExpirationTime('10m')
        .sign(key);
      return { id, token };
    }),
  );
}

async function work(pool: Pool, prefix: string, task: Task, until: number): Promise<number> {
  let count = 0;
  const send = async (method: 'PUT' | 'POST', route: string, body: unknown, expected: number) => {
    const { statusCode, body: answer } = await pool.request({
      method,
      path: `${prefix}${route}`,
      headers: { authorization: `Bearer ${task.token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      headersTimeout: 10_000,
      bodyTimeout: 10_000,
    });
    const text = await answer.text();
    if (statusCode !== expected)
      throw new Error(`${method} ${route} was answered ${statusCode}: ${text.slice(0, 200)}`);
    count++;
  };
  const own = `/task-instances/${task.id}`;
  while (performance.now() < until) {
    for (let beat = 0; beat < 8; beat++) await send('PUT', `${own}/heartbeat`, { hostname: 'w', pid: 7 }, 204);
    await send('PUT', `${own}/rtif`, { bash_command: `echo ${count}` }, 201);
    await send('POST', `/xcoms/wt_bench/r/t-${task.id}/return_value?map_index=-1`, `value ${count}`, 201);
  }
  return count;
}
