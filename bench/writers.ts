/**
 * What it costs Airflow's database that each commit's writer is known.
 *
 *     npm run bench:writers
 *
 * On the PostgreSQL of a run: single-row UPDATEs of `task_instance`, as heartbeats and state changes are, and bulk
 * UPDATEs of 40 rows, as the scheduler's are; without anything, with logical decoding, and with decoding plus the
 * statement triggers that name the writer. Interleaved, so that what drifts weighs on all alike.
 */
import path from 'node:path';

import pg from 'pg';
import { CommitStream } from '../harness/record/commits.ts';
import { removeWriters } from '../harness/record/writers.ts';
import { RunClock } from '../harness/run-folder/clock.ts';
import { RunFolder } from '../harness/run-folder/writer.ts';
import { withClient } from '../harness/system/postgres-client.ts';
import { WATCHED_SCHEMA } from '../test/schema.ts';
import { withPostgres } from './postgres.ts';
import { spread } from './spread.ts';

const ROWS = 4_000;
const SINGLE = 4_000;
const BULK = 400;
const ROUNDS = 7;

// As in a run: the cost of a commit is part of what is compared against.
await withPostgres({ fsync: true }, async ({ dsn, scratch }) => {
  await withClient(dsn, async (client) => {
    await client.query(WATCHED_SCHEMA);
    await client.query(`INSERT INTO task_instance (id, dag_id, run_id, task_id, map_index, state, try_number)
      SELECT gen_random_uuid(), 'wt_a', (i / 40)::text, (i % 40)::text, -1, 'queued', 1 FROM generate_series(0, ${ROWS - 1}) i`);
  });
  const micros: Record<string, number[]> = {};
  for (let round = 0; round < ROUNDS; round++) {
    for (const setting of ['nothing', 'decoding and triggers'] as const) {
      const record = new RunFolder(path.join(scratch, `${round}-${setting}`));
      const stream = setting === 'nothing' ? undefined : new CommitStream(dsn, record, new RunClock());
      await stream?.start((error) => console.error(error.message));
      for (const [kind, time] of Object.entries(await measure(dsn))) {
        const name = `${kind}, ${setting}`;
        micros[name] = [...(micros[name] ?? []), time];
      }
      await stream?.stop({ restore: true });
      await record.close();
    }
  }
  await removeWriters(dsn);
  print(micros);
});

/** Microseconds a statement, commit included. */
async function measure(dsn: string): Promise<Record<'one row' | '40 rows', number>> {
  const client = new pg.Client({ connectionString: dsn, application_name: 'wt-scheduler-1' });
  await client.connect();
  // A commit that waits for the disk takes milliseconds here and hides microseconds: only the server's work is timed.
  await client.query('SET synchronous_commit = off');
  const timed = async (count: number, statement: (i: number) => string) => {
    const began = performance.now();
    for (let i = 0; i < count; i++) await client.query(statement(i));
    return ((performance.now() - began) * 1000) / count;
  };
  const one = await timed(
    SINGLE,
    (i) => `UPDATE task_instance SET pid = ${i} WHERE run_id = '${i % 100}' AND task_id = '${i % 40}'`,
  );
  const forty = await timed(
    BULK,
    (i) =>
      `UPDATE task_instance SET dag_version_id = gen_random_uuid() WHERE dag_id = 'wt_a' AND run_id = '${i % 100}'`,
  );
  await client.end();
  return { 'one row': one, '40 rows': forty };
}

function print(micros: Record<string, number[]>): void {
  console.log('µs a statement, min / median / max of', ROUNDS, 'rounds');
  for (const [name, numbers] of Object.entries(micros)) console.log(`  ${name.padEnd(34)} ${spread(numbers)}`);
  for (const kind of ['one row', '40 rows']) {
    const before = micros[`${kind}, nothing`] ?? [];
    const ratios = (micros[`${kind}, decoding and triggers`] ?? []).map((n, i) => n / (before[i] ?? 1));
    console.log(`  ${kind}: ${spread(ratios, 2)} times as long`);
  }
}
