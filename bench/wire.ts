/**
 * What the proxy between a process and PostgreSQL costs a statement: alone, with a trace of every statement and row,
 * and while a rule holds answers that match.
 *
 *     npm run bench:wire
 *
 * The statements of a heartbeat, as psycopg2 sends them: BEGIN, a row lock that returns all columns, an UPDATE, COMMIT;
 * and a SELECT of 100 rows. A process of its own sends them, so that the CPU time of this one is the proxy's. Settings
 * take turns, so that what drifts weighs on all alike. Lines of the trace are written when a turn ends, all at once:
 * how often a run folder writes does not depend on the statements.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import pg from 'pg';
import type { Recorder } from '../harness/model/run-context.ts';
import { Trace } from '../harness/record/trace.ts';
import { RunClock } from '../harness/run-folder/clock.ts';
import { closeTables } from '../harness/run-folder/close.ts';
import { linesFile } from '../harness/run-folder/files.ts';
import { startPostgres } from '../harness/stacks/postgres.ts';
import { freePorts } from '../harness/system/ports.ts';
import { withClient } from '../harness/system/postgres-client.ts';
import { ProcessTable } from '../harness/system/process-table.ts';
import { CATALOGUE, type CataloguedColumn } from '../harness/wire/catalogue.ts';
import { openWireProxy, type WireProxy } from '../harness/wire/proxy.ts';
import { WATCHED_SCHEMA } from '../test/schema.ts';
import { spread } from './spread.ts';

const ROWS = 2_000;
/** Far beyond what a turn takes: a child that has died answers nothing. */
const TURN_MS = 120_000;
const HEARTBEATS = 500;
/** Statements of a heartbeat. */
const EACH = 4;
const LISTS = 50;
const ROUNDS = 5;
const SETTINGS = ['proxy', 'trace', 'hold'] as const;

const HEARTBEAT_COLUMNS = 'dag_id run_id task_id map_index state try_number max_tries hostname pid queued_by_job_id'
  .split(' ')
  .map((column) => `task_instance.${column} AS task_instance_${column}`)
  .join(', ');

const WORK = {
  heartbeats: async (client: pg.Client, ids: readonly string[]) => {
    for (let i = 0; i < HEARTBEATS; i++) {
      const id = ids[i % ids.length] ?? '';
      await client.query('BEGIN');
      await client.query(`SELECT task_instance.id, ${HEARTBEAT_COLUMNS}
        FROM task_instance WHERE task_instance.id = '${id}'::uuid FOR UPDATE OF task_instance`);
      await client.query(`UPDATE task_instance SET hostname='worker-${i}', pid=${i}
        WHERE task_instance.id = '${id}'::uuid AND task_instance.state = 'running'`);
      await client.query('COMMIT');
    }
  },
  lists: async (client: pg.Client) => {
    for (let i = 0; i < LISTS; i++)
      await client.query("SELECT * FROM task_instance WHERE task_instance.dag_id = 'wt_a' ORDER BY id LIMIT 100");
  },
  end: async (client: pg.Client) => {
    await client.end();
    process.disconnect();
  },
};

/** Rows as lines of a run folder. */
class Lines implements Recorder {
  readonly path: string;
  readonly behindMs = 0;
  readonly #lines = new Map<string, string[]>();

  constructor(folder: string) {
    this.path = folder;
    mkdirSync(path.join(folder, 'raw'), { recursive: true });
  }

  append(table: string, row: object): void {
    const lines = this.#lines.get(table) ?? [];
    this.#lines.set(table, lines);
    lines.push(JSON.stringify(row));
  }

  async flush(): Promise<void> {
    this.write();
  }

  write(): void {
    for (const [table, lines] of this.#lines)
      if (lines.length > 0) appendFileSync(linesFile(this.path, table), `${lines.splice(0).join('\n')}\n`);
  }
}

if (process.send) await send(process.env.DSN ?? '');
else await measure();

/** The process that sends the statements, when it is asked to. */
async function send(dsn: string): Promise<void> {
  const client = new pg.Client({ connectionString: dsn });
  await client.connect();
  const { rows } = await client.query<{ id: string }>('SELECT id FROM task_instance ORDER BY task_id');
  const ids = rows.map(({ id }) => id);
  process.on('message', async (what: keyof typeof WORK) => {
    await WORK[what](client, ids);
    if (process.connected) process.send?.('done');
  });
  process.send?.('ready');
}

async function measure(): Promise<void> {
  const table = new ProcessTable(`bench-${process.pid}`);
  const scratch = mkdtempSync(path.join(tmpdir(), 'wt-bench-'));
  try {
    const [port = 0] = await freePorts(1);
    const signal = AbortSignal.timeout(60_000);
    const postgres = await startPostgres({ table, port, log: path.join(scratch, 'log'), fsync: false, signal });
    const dsn = postgres.dsn('postgres');
    await withClient(dsn, async (client) => {
      await client.query(WATCHED_SCHEMA);
      await client.query(`INSERT INTO task_instance (id, dag_id, run_id, task_id, map_index, state, try_number)
        SELECT gen_random_uuid(), 'wt_a', 'scheduled__2026', 'task_' || i, -1, 'running', 1
          FROM generate_series(1, ${ROWS}) i`);
    });
    await compare(dsn, port, scratch);
  } finally {
    await table.close();
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function compare(dsn: string, port: number, scratch: string): Promise<void> {
  const columns = () => withClient(dsn, async (client) => (await client.query<CataloguedColumn>(CATALOGUE)).rows);
  const micros = new Map<string, number[]>();
  const note = (name: string, time: number) => micros.set(name, [...(micros.get(name) ?? []), time]);
  const folder = new Lines(path.join(scratch, 'run'));
  // Each setting has a connection that has gone through all rounds: the first one is not counted.
  const sides = await Promise.all(
    SETTINGS.map(async (setting) => {
      const proxy = await openWireProxy({ host: '127.0.0.1', port, process: setting, columns });
      if (setting === 'trace') new Trace({ record: folder, clock: new RunClock() }).begin(new Map([[setting, proxy]]));
      if (setting === 'hold') hold(proxy);
      const url = new URL(dsn);
      url.port = String(proxy.port);
      const child = fork(fileURLToPath(import.meta.url), {
        execArgv: process.execArgv,
        env: { ...process.env, DSN: url.href },
      });
      await once(child, 'message', deadline());
      return { setting, proxy, child };
    }),
  );
  for (let round = 0; round <= ROUNDS; round++) {
    for (const { setting, child } of sides) {
      const heartbeat = await cpuOf(child, 'heartbeats', folder);
      const list = await cpuOf(child, 'lists', folder);
      if (round === 0) continue;
      note(`a statement of a heartbeat, ${setting}`, heartbeat / (HEARTBEATS * EACH));
      note(`a SELECT of 100 rows, ${setting}`, list / LISTS);
    }
  }
  for (const { child, proxy } of sides) {
    child.send('end');
    await once(child, 'exit', deadline());
    await proxy.close();
  }
  console.log(`µs of CPU in the harness, least / median / most of ${ROUNDS} rounds, and more than the proxy alone`);
  for (const [name, times] of micros) {
    const alone = micros.get(name.replace(/, .*/, ', proxy')) ?? [];
    const more = times.map((time, i) => time - (alone[i] ?? time));
    console.log(`  ${name.padEnd(38)} ${spread(times, 1).padEnd(24)} + ${spread(more, 1)}`);
  }
  await closeTables(folder.path);
  const bytes = ['statements', 'accesses']
    .map((name) => statSync(path.join(folder.path, `${name}.parquet`)).size)
    .reduce((all, one) => all + one, 0);
  const statements = (ROUNDS + 1) * (HEARTBEATS * EACH + LISTS);
  console.log(`a traced statement and its rows: ${(bytes / statements).toFixed(1)} bytes`);
}

function deadline(): { readonly signal: AbortSignal } {
  return { signal: AbortSignal.timeout(TURN_MS) };
}

/** Answers are kept until they are whole, and asked about. */
function hold(proxy: WireProxy): void {
  const matches = ({ kind }: { readonly kind: { readonly locks: readonly string[] } }) =>
    kind.locks.includes('dag_run');
  proxy.add({ do: 'hold', at: 'after', matches, most: 1, onHeld: ({ release }) => release() });
}

/** Microseconds of this process while the child does it, with what it recorded of it. */
async function cpuOf(child: ChildProcess, what: keyof typeof WORK, folder: Lines): Promise<number> {
  const before = process.cpuUsage();
  child.send(what);
  await once(child, 'message', deadline());
  folder.write();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}
