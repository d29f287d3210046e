/**
 * What recording costs Airflow's database: that each commit's writer is known, and that lock waits are sampled.
 *
 *     npm run bench:recording
 *
 * On the PostgreSQL of a run, UPDATEs of one row of `task_instance`, as heartbeats and state changes are, and of 40
 * rows, as the scheduler's are: without anything, with logical decoding and the statement triggers that name the
 * writer, and with the lock sampler beside. Interleaved, so that what drifts weighs on all alike. Then one sample of
 * the locks while nothing waits, and while twenty statements do.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import pg from 'pg';

import { CommitStream } from '../harness/record/commits.ts';
import { LockSampler } from '../harness/record/lock-sampler.ts';
import { RunClock } from '../harness/run-folder/clock.ts';
import { RunFolder } from '../harness/run-folder/writer.ts';
import { startPostgres } from '../harness/stacks/postgres.ts';
import { freePorts } from '../harness/system/ports.ts';
import { withClient } from '../harness/system/postgres-client.ts';
import { ProcessTable } from '../harness/system/process-table.ts';
import { WATCHED_SCHEMA } from '../test/schema.ts';
import { spread } from './spread.ts';

const ROWS = 4_000;
const STATEMENTS = { 'one row': 4_000, '40 rows': 400 } as const;
const ROUNDS = 7;
const SAMPLES = 300;
const WAITERS = 20;
const SETTINGS = ['nothing', 'writers', 'lock sampler'] as const;

const table = new ProcessTable(`bench-${process.pid}`);
const scratch = mkdtempSync(path.join(tmpdir(), 'wt-bench-'));
const clock = new RunClock();
try {
  const [port = 0] = await freePorts(1);
  const log = path.join(scratch, 'postgres.log');
  const signal = AbortSignal.timeout(60_000);
  // As in a run: the cost of a commit is part of what is compared against.
  const postgres = await startPostgres({ table, port, log, fsync: true, signal });
  const dsn = postgres.dsn('postgres');
  await withClient(dsn, async (client) => {
    await client.query(WATCHED_SCHEMA);
    await client.query(
      `INSERT INTO task_instance (id, dag_id, run_id, task_id, map_index, state, try_number)
       SELECT gen_random_uuid(), 'wt_a', (i / 40)::text, (i % 40)::text, -1, 'queued', 1
       FROM generate_series(0, ${ROWS - 1}) i`,
    );
  });
  await compareUpdates(dsn);
  await timeSamples(dsn);
} finally {
  await table.close();
  rmSync(scratch, { recursive: true, force: true });
}

async function compareUpdates(dsn: string): Promise<void> {
  const micros = new Map<string, number[]>();
  for (let round = 0; round < ROUNDS; round++) {
    for (const setting of SETTINGS) {
      const stop = await start(setting, dsn, `${round}-${setting}`);
      for (const [kind, time] of await timeUpdates(dsn)) {
        micros.set(`${kind}, ${setting}`, [...(micros.get(`${kind}, ${setting}`) ?? []), time]);
      }
      await stop();
    }
  }
  console.log(`µs a statement, commit included, min / median / max of ${ROUNDS} rounds`);
  for (const [name, times] of micros) {
    const alone = micros.get(name.replace(/, .*/, ', nothing')) ?? [];
    const ratios = times.map((time, i) => time / (alone[i] ?? time));
    console.log(`  ${name.padEnd(24)} ${spread(times).padEnd(22)} × ${spread(ratios, 2)}`);
  }
}

/** Resolves with what ends it. */
async function start(setting: (typeof SETTINGS)[number], dsn: string, name: string): Promise<() => Promise<void>> {
  if (setting === 'nothing') return async () => undefined;
  const record = new RunFolder(path.join(scratch, name));
  if (setting === 'writers') {
    const stream = new CommitStream({ dsn, run: randomBytes(3).toString('hex'), record, clock });
    await stream.start((error) => console.error(error.message));
    return async () => {
      await stream.stop();
      await stream.remove();
      await record.close();
    };
  }
  const sampler = new LockSampler({ dsn, record, clock });
  await sampler.start();
  const over = new AbortController();
  const sampling = sampler.run(over.signal);
  return async () => {
    over.abort();
    await sampling;
    await sampler.close();
    await record.close();
  };
}

async function timeUpdates(dsn: string): Promise<[kind: string, micros: number][]> {
  const client = await connect(dsn);
  // A commit that waits for the disk takes milliseconds here and hides microseconds: only the server's work is timed.
  await client.query('SET synchronous_commit = off');
  const update = {
    'one row': (i: number) => `pid = ${i} WHERE run_id = '${i % 100}' AND task_id = '${i % 40}'`,
    '40 rows': (i: number) => `dag_version_id = gen_random_uuid() WHERE dag_id = 'wt_a' AND run_id = '${i % 100}'`,
  };
  const times: [string, number][] = [];
  for (const kind of ['one row', '40 rows'] as const) {
    const began = performance.now();
    for (let i = 0; i < STATEMENTS[kind]; i++) await client.query(`UPDATE task_instance SET ${update[kind](i)}`);
    times.push([kind, ((performance.now() - began) * 1000) / STATEMENTS[kind]]);
  }
  await client.end();
  return times;
}

async function timeSamples(dsn: string): Promise<void> {
  const record = new RunFolder(path.join(scratch, 'samples'));
  const sampler = new LockSampler({ dsn, record, clock });
  await sampler.start();
  const clients = await Promise.all(Array.from({ length: WAITERS + 1 }, () => connect(dsn)));
  console.log(`ms a sample of the locks while nothing waits: ${await timed(sampler)}`);
  const [holder, ...waiters] = clients;
  const row = `UPDATE task_instance SET pid = 1 WHERE run_id = '1' AND task_id = '1'`;
  await holder?.query(`BEGIN; ${row}`);
  const waiting = waiters.map((one) => one.query(row));
  while ((await sampler.look()) < WAITERS);
  console.log(`ms a sample while ${WAITERS} wait: ${await timed(sampler)}`);
  await holder?.query('COMMIT');
  await Promise.all(waiting);
  await Promise.all([sampler.close(), ...clients.map((one) => one.end())]);
  await record.close();
}

async function timed(sampler: LockSampler): Promise<string> {
  const times: number[] = [];
  for (let i = 0; i < SAMPLES; i++) {
    const began = performance.now();
    await sampler.look();
    times.push(performance.now() - began);
  }
  return spread(times, 2);
}

async function connect(dsn: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: dsn, application_name: 'wt-scheduler-1' });
  await client.connect();
  return client;
}
