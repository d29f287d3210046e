import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { jwtVerify } from 'jose';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { Dispatcher } from '../../harness/handoff/dispatcher.ts';
import type { Workload } from '../../harness/handoff/workload.ts';
import { DagFolder } from '../../harness/stacks/dag-folder.ts';
import { lateBranch } from '../../workloads/shapes.ts';
import { runDagProcessor } from '../dags/dag-processor.ts';
import { openPool } from '../database/connect.ts';
import { testDatabase } from '../database/test-database.ts';
import { normal } from '../normal.ts';
import { runScheduler } from './scheduler.ts';
import { SECRET, settingsFor } from './test-scheduler.ts';

let database: Awaited<ReturnType<typeof testDatabase>>;
let folder: string;
beforeAll(async () => {
  database = await testDatabase();
  folder = await mkdtemp(path.join(os.tmpdir(), 'wt-scheduler-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await database.close();
});

it('runs a DAG from its file to success, with two schedulers, and each workload is handed over once', async () => {
  const { dsn } = database;
  const pool = openPool(settingsFor(dsn, 'api-execution-1'), 5);
  const workloads: Workload[] = [];
  // What a worker and the API do, at once: the try starts and ends well, and the branch takes one side.
  const play = async ({ ti }: Workload) => {
    await pool.query(`UPDATE task_instance SET state = 'running', start_date = now() WHERE id = $1`, [ti.id]);
    await pool.query(`UPDATE task_instance SET state = 'success', end_date = now() WHERE id = $1`, [ti.id]);
    if (ti.task_id === 'branch') {
      await pool.query(
        `UPDATE task_instance SET state = 'skipped' WHERE run_id = $1 AND task_id LIKE 'other%' AND state IS NULL`,
        [ti.run_id],
      );
    }
    dispatcher.end(ti.id, 'success');
  };
  const dispatcher = await Dispatcher.listen({
    address: `unix:${path.join(folder, 'hand-off.sock')}`,
    onWorkload(workload) {
      workloads.push(workload);
      void play(workload);
    },
  });
  const dagsFolder = path.join(folder, 'dags');
  await new DagFolder(dagsFolder, [lateBranch('late', 2)]).publish();
  const stop = new AbortController();
  const role = (name: string) => ({
    settings: settingsFor(dsn, name, { handOff: dispatcher.address, dagsFolder }),
    behaviour: normal,
    signal: stop.signal,
  });
  const roles = [
    runDagProcessor(role('dag-processor')),
    runScheduler(role('scheduler-1')),
    runScheduler(role('scheduler-2')),
  ];
  const succeeded = async () => {
    while (!stop.signal.aborted) {
      const { rows } = await pool.query(`SELECT 1 FROM dag_run WHERE state = 'success'`);
      if (rows.length >= 2) return;
      await sleep(100);
    }
  };
  // A role that breaks is thrown here.
  await Promise.race([succeeded(), Promise.all(roles), sleep(20_000)]);
  stop.abort();
  await Promise.all(roles);
  const { rows: runs } = await pool.query(`SELECT DISTINCT state, run_type FROM dag_run`);
  expect(runs).toContainEqual({ state: 'success', run_type: 'scheduled' });
  expect(new Set(workloads.map(({ ti }) => ti.id)).size).toBe(workloads.length);
  expect(dispatcher.known()).toMatchObject({ live: 0, repeated: 0 });
  const { rows: jobs } = await pool.query(
    'SELECT DISTINCT job_type, state FROM job WHERE end_date IS NOT NULL ORDER BY 1',
  );
  expect(jobs).toEqual([
    { job_type: 'DagProcessorJob', state: 'success' },
    { job_type: 'SchedulerJob', state: 'success' },
  ]);
  const [first] = workloads;
  const { payload, protectedHeader } = await jwtVerify(first?.token ?? '', new TextEncoder().encode(SECRET), {
    audience: 'urn:airflow.apache.org:task',
  });
  expect(protectedHeader.alg).toBe('HS512');
  expect(payload).toMatchObject({ sub: first?.ti.id, scope: 'workload' });
  await dispatcher.close();
  await pool.end();
});
