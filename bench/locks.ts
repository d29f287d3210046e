/**
 * What the sampler of locks costs: one look at a database in which nothing waits, and one where twenty do; and how much
 * it slows single-row UPDATEs down that run beside it.
 *
 *     npm run bench:locks
 */
import path from 'node:path';

import pg from 'pg';
import { LockSampler } from '../harness/record/lock-sampler.ts';
import { RunClock } from '../harness/run-folder/clock.ts';
import { RunFolder } from '../harness/run-folder/writer.ts';
import { withClient } from '../harness/system/postgres-client.ts';
import { WATCHED_SCHEMA } from '../test/schema.ts';
import { withPostgres } from './postgres.ts';
import { median, spread } from './spread.ts';

const LOOKS = 300;
const IDLE_CONNECTIONS = 60;
const WAITERS = 20;
const UPDATES = 3_000;
const ROUNDS = 5;

await withPostgres({ fsync: false }, async ({ dsn, scratch }) => {
  await withClient(dsn, async (client) => {
    await client.query(WATCHED_SCHEMA);
    await client.query(`INSERT INTO task_instance (id, dag_id, run_id, task_id, map_index, state)
      SELECT gen_random_uuid(), 'wt_a', 'r', 't' || i, -1, 'running' FROM generate_series(1, 100) i`);
  });
  const record = new RunFolder(path.join(scratch, 'run'));
  const sampler = new LockSampler({ dsn, record, clock: new RunClock() });
  await sampler.start();
  const connections = await Promise.all(Array.from({ length: IDLE_CONNECTIONS }, () => connect(dsn)));
  console.log(`a look while nothing waits, ${IDLE_CONNECTIONS} connections: ${await looks(sampler)}`);

  const [holder, ...rest] = connections;
  if (!holder) throw new Error('no connection');
  await holder.query(`BEGIN; UPDATE task_instance SET pid = 1 WHERE task_id = 't1'`);
  const waiting = rest
    .slice(0, WAITERS)
    .map((one) => one.query(`UPDATE task_instance SET pid = 2 WHERE task_id = 't1'`));
  while ((await sampler.look()) < WAITERS);
  console.log(`a look while ${WAITERS} wait: ${await looks(sampler)}`);
  await holder.query('COMMIT');
  await Promise.all(waiting);

  const ratios: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const alone = await updates(holder);
    const over = new AbortController();
    const looking = sampler.run(over.signal);
    ratios.push((await updates(holder)) / alone);
    over.abort();
    await looking;
  }
  console.log(
    `single-row UPDATEs beside it: ${spread(ratios, 2)} times as long (min / median / max of ${ROUNDS} rounds)`,
  );
  await Promise.all([sampler.close(), ...connections.map((one) => one.end())]);
  await record.close();
});

async function connect(dsn: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: dsn, application_name: 'wt-scheduler-1' });
  await client.connect();
  return client;
}

/** Median and longest, in milliseconds. */
async function looks(sampler: LockSampler): Promise<string> {
  const times: number[] = [];
  for (let i = 0; i < LOOKS; i++) {
    const began = performance.now();
    await sampler.look();
    times.push(performance.now() - began);
  }
  return `${median(times).toFixed(2)} ms (longest ${Math.max(...times).toFixed(1)} ms), eight a second`;
}

async function updates(client: pg.Client): Promise<number> {
  const began = performance.now();
  for (let i = 0; i < UPDATES; i++) {
    await client.query(`UPDATE task_instance SET pid = ${i} WHERE task_id = 't${1 + (i % 100)}'`);
  }
  return performance.now() - began;
}
