/**
 * The proof that a killed harness leaves nothing on a target: it is killed with -9 in every phase of a run, and healed
 * from the database alone.
 *
 *     npm run kill-on-target -- --seed N [--kills 60] [--target FILE] [--out runs/kill-on-target]
 *
 * The moments are drawn from the seed, so that another caller gets others. Without --target a reference stack is
 * started. After each kill `heal --target` must end with 0, and then there is none of: replication slots, publications,
 * triggers and schemas of ours, processes, temporary folders, sockets, DAG files, and rows of other DAGs are as they
 * were. What is done is kept in --out, and the next start continues there. A kill takes half a minute. Exit code: 0
 * nothing was left, 1 something was, 2 wrong arguments.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { Rng } from '../harness/model/rng.ts';
import { readTarget } from '../harness/stacks/target-file.ts';
import { WINDTUNNEL } from '../harness/system/installation.ts';
import { withClient } from '../harness/system/postgres-client.ts';
import { allPids, environmentHas, isAlive } from '../harness/system/proc.ts';
import { flagsOf } from './flags.ts';

/** Of a run of 5 s of load: how long after its beginning a kill may come, milliseconds. */
const PHASES = {
  starting: 2_500,
  connecting: 1_500,
  load: 5_000,
  settling: 5_000,
  snapshot: 1_000,
  judging: 1_000,
} as const;
type Phase = keyof typeof PHASES;

const SECONDS_A_KILL = 30;
const UP_MS = 180_000;
const RUN_MS = 180_000;

interface Kill {
  readonly kill: number;
  readonly phase: Phase;
  readonly after_ms: number;
  /** Whether the run had ended by itself before. */
  readonly too_late: boolean;
  readonly heal: string;
  /** What was left; empty if nothing was. */
  readonly left: readonly string[];
}

const { values } = flagsOf({
  options: {
    seed: { type: 'string' },
    kills: { type: 'string', default: '60' },
    target: { type: 'string' },
    out: { type: 'string', default: 'runs/kill-on-target' },
  },
});
const [seed, kills] = [Number(values.seed), Number(values.kills)];
const out = path.resolve(values.out);
const record = path.join(out, 'kills.ndjson');
/** Nothing else puts its folders there. */
const temporary = path.join(out, 'tmp');
const env = { ...process.env, NO_COLOR: '1', TMPDIR: temporary, WINDTUNNEL_CACHE: path.join(out, 'cache') };

if (!Number.isSafeInteger(seed) || seed < 0 || !Number.isInteger(kills) || kills < 1) {
  console.error(
    `--seed must be given, a whole number from 0, and --kills one from 1: ${values.seed}, ${values.kills}.`,
  );
  process.exitCode = 2;
} else {
  mkdirSync(temporary, { recursive: true });
  // For root, PostgreSQL runs as another user, who must be able to enter.
  for (const folder of [out, temporary]) chmodSync(folder, 0o711);
  process.exitCode = await proof();
}

async function proof(): Promise<number> {
  const before = done();
  const missing = Math.max(0, kills - before.length);
  console.log(`${missing} of ${kills} kills are to be made: about ${Math.ceil((missing * SECONDS_A_KILL) / 60)} min.`);
  let up: ChildProcess | undefined;
  try {
    const file = values.target === undefined ? path.join(out, 'target.yaml') : path.resolve(values.target);
    if (values.target === undefined && missing > 0) up = await startReference(file);
    for (let kill = before.length; kill < kills; kill++) {
      const result = await killOnce(file, kill);
      appendFileSync(record, `${JSON.stringify(result)}\n`);
      console.log(lineOf(result));
    }
  } finally {
    if (up) {
      up.kill('SIGINT');
      await ended(up);
    }
  }
  const all = done().slice(0, kills);
  const bad = all.filter(({ left }) => left.length > 0);
  for (const phase of Object.keys(PHASES))
    console.log(`${phase.padEnd(10)} ${all.filter((one) => one.phase === phase && !one.too_late).length} kills`);
  console.log(`${all.length - bad.length} of ${all.length} kills left nothing.`);
  return bad.length === 0 ? 0 : 1;
}

function done(): Kill[] {
  if (!existsSync(record)) return [];
  const lines = readFileSync(record, 'utf8').trim().split('\n');
  return lines.filter(Boolean).map((line): Kill => JSON.parse(line));
}

function lineOf({ kill, phase, after_ms, too_late, left, heal }: Kill): string {
  const when = too_late ? `${phase}, which had ended` : `${phase} + ${after_ms} ms`;
  const what = left.length === 0 ? 'nothing is left' : `LEFT: ${left.join('; ')}\n${heal}`;
  return `${String(kill + 1).padStart(3)} of ${kills}  ${when}: ${what}`;
}

async function startReference(file: string): Promise<ChildProcess> {
  // Of a proof that was killed: `env` has a cache folder of its own.
  await windtunnel(['down']);
  const up = spawn(process.execPath, [WINDTUNNEL, 'up', 'reference', '--out', file], {
    env,
    stdio: 'ignore',
    cwd: out,
  });
  for (let waited = 0; !existsSync(file); waited += 100) {
    if (waited > UP_MS || up.exitCode !== null) throw new Error('the reference stack did not start');
    await sleep(100);
  }
  await withClient(readTarget(file).fullDsn, async (client) => {
    await client.query(`
      INSERT INTO dag (dag_id, is_paused, is_stale, bundle_name, timetable_type, max_active_tasks,
        max_consecutive_failed_dag_runs, has_task_concurrency_limits)
      VALUES ('payroll', true, true, 'b', 't', 1, 1, false);
      INSERT INTO dag_run (dag_id, run_id, run_type, run_after, state)
      SELECT 'payroll', 'r' || i, 'manual', now(), 'success' FROM generate_series(1, 50) i;
      INSERT INTO task_instance (id, task_id, dag_id, run_id, try_number, pool, pool_slots, state)
      SELECT gen_random_uuid(), 'pay_salaries', 'payroll', 'r' || i, 1, 'default_pool', 1, 'success'
        FROM generate_series(1, 50) i`);
  });
  return up;
}

async function killOnce(file: string, kill: number): Promise<Kill> {
  const names = Object.keys(PHASES) as Phase[];
  const phase = names[kill % names.length] ?? 'load';
  const after_ms = Math.round(new Rng(seed, 'kill', kill).between(0, PHASES[phase]));
  const { fullDsn, handoff, dags_folder } = readTarget(file);
  const foreign = await foreignRows(fullDsn);
  const folders = new Set(readdirSync(temporary));
  const processes = new Set(processesHere());
  rmSync(path.join(out, 'runs', `${kill}`), { recursive: true, force: true });
  const run = spawn(
    process.execPath,
    [
      WINDTUNNEL,
      'run',
      'mishaps',
      '--target',
      file,
      '--duration',
      '5s',
      '--seed',
      String(seed + kill),
      '--out',
      `${kill}`,
    ],
    { env, stdio: ['ignore', 'ignore', 'pipe'], cwd: mkdirAt('runs') },
  );
  await reaches(run, phase);
  await sleep(after_ms);
  const tooLate = run.exitCode !== null;
  run.kill('SIGKILL');
  await ended(run);

  const byName = await windtunnel(['heal', '--target', file]);
  const here = await windtunnel(['heal']);
  const left = [
    ...(byName.code === 0 ? [] : [`heal --target ended with ${byName.code}`]),
    ...(here.code === 0 ? [] : [`heal ended with ${here.code}`]),
    ...(await inDatabase(fullDsn)),
    ...((await foreignRows(fullDsn)) === foreign ? [] : ['rows of other DAGs have changed']),
    ...readdirSync(temporary)
      .filter((name) => !folders.has(name))
      .map((name) => `folder ${name}`),
    ...processesHere()
      .filter((pid) => !processes.has(pid))
      .map((pid) => `process ${pid}`),
    ...(handoff.startsWith('unix:') && existsSync(handoff.slice('unix:'.length)) ? [`socket ${handoff}`] : []),
    ...(existsSync(dags_folder) ? readdirSync(dags_folder) : [])
      .filter((name) => /^wt_dags_wt_[0-9a-f]{6}\./.test(name))
      .map((name) => `DAG file ${name}`),
  ];
  return { kill, phase, after_ms, too_late: tooLate, heal: `${byName.text}${here.text}`, left };
}

function mkdirAt(name: string): string {
  mkdirSync(path.join(out, name), { recursive: true });
  return path.join(out, name);
}

/** Resolves when the run says that the phase has begun, or has ended. */
function reaches(run: ChildProcess, phase: Phase): Promise<void> {
  if (phase === 'starting') return Promise.resolve();
  const began = new Promise<void>((resolve) => {
    let text = '';
    run.stderr?.on('data', (chunk: Buffer) => {
      text += chunk;
      if (text.includes(`· ${phase} `)) resolve();
    });
  });
  return Promise.race([began, ended(run), sleep(RUN_MS, undefined, { ref: false })]).then(() => undefined);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  await new Promise((resolve) => child.once('exit', resolve));
}

async function windtunnel(args: readonly string[]): Promise<{ readonly code: number | null; readonly text: string }> {
  const child = spawn(process.execPath, [WINDTUNNEL, ...args], { env, cwd: out });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      text += chunk;
    });
  await new Promise((resolve) => child.once('close', resolve));
  return { code: child.exitCode, text };
}

/** By all names that are not of PostgreSQL or Airflow. */
async function inDatabase(dsn: string): Promise<string[]> {
  const { rows } = await withClient(dsn, (client) =>
    client.query<{ what: string }>(`
      SELECT 'slot ' || slot_name AS what FROM pg_replication_slots WHERE slot_name LIKE 'windtunnel%'
      UNION ALL SELECT 'publication ' || pubname FROM pg_publication WHERE pubname LIKE 'windtunnel%'
      UNION ALL SELECT format('trigger %s on %s', tgname, tgrelid::regclass) FROM pg_trigger
       WHERE tgname LIKE 'windtunnel%'
      UNION ALL SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname LIKE 'windtunnel%'`),
  );
  return rows.map(({ what }) => what);
}

/** Changes if a row changes that has the dag_id of another. Of DAGs themselves Airflow changes times. */
async function foreignRows(dsn: string): Promise<string> {
  return withClient(dsn, async (client) => {
    const { rows: tables } = await client.query<{ name: string }>(
      `SELECT table_name AS name FROM information_schema.columns JOIN information_schema.tables USING (table_name)
        WHERE column_name = 'dag_id' AND tables.table_schema = 'public' AND columns.table_schema = 'public'
          AND table_type = 'BASE TABLE' AND table_name NOT IN ('dag', 'serialized_dag') ORDER BY 1`,
    );
    const sums: string[] = [];
    for (const { name } of tables) {
      const { rows } = await client.query<{ sum: string }>(
        `SELECT format('%s %s', count(*), md5(string_agg(t::text, '' ORDER BY t::text))) AS sum
           FROM public."${name}" t WHERE dag_id NOT LIKE 'wt\\_%'`,
      );
      sums.push(`${name} ${rows[0]?.sum}`);
    }
    return sums.join('\n');
  });
}

/** Those that were started by a command of ours; a backend of PostgreSQL writes over its environment. */
function processesHere(): number[] {
  return allPids().filter((pid) => isAlive(pid) && environmentHas(pid, `TMPDIR=${temporary}`));
}
