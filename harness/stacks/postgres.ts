import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { messageOf, StackError } from '../model/errors.ts';
import type { SupervisedProcess } from '../model/stack.ts';
import { type Stopwatch, untimed } from '../model/timing.ts';
import { childEnvironment } from '../system/environment.ts';
import { binaryFolder, canBeEntered, findPostgres } from '../system/postgres-binaries.ts';
import { withClient } from '../system/postgres-client.ts';
import type { FolderOwner, ProcessTable } from '../system/process-table.ts';
import { scramVerifier } from './scram.ts';

const run = promisify(execFile);

export interface PostgresOptions {
  readonly table: ProcessTable;
  readonly port: number;
  readonly log: string;
  /** A migrated data folder to begin from; without one an empty cluster is made. */
  readonly template?: string;
  /** In place of `POSTGRES_SETTINGS`: those of a compose file that is tried as plain processes. */
  readonly settings?: Readonly<Record<string, string>>;
  /** In place of a random one. */
  readonly password?: string;
  /** Survive power loss as a production server does. Only the making of a template goes without. */
  readonly fsync: boolean;
  readonly signal: AbortSignal;
  readonly time?: Stopwatch;
}

export interface Postgres {
  /** `18.4` */
  readonly version: string;
  readonly port: number;
  readonly dataFolder: string;
  /** jsonlog records, one a line. */
  readonly jsonLog: string;
  /** The server as it runs now, or ran last. */
  readonly process: SupervisedProcess;
  /** Starts it again after it ended, on the same data and port; it does not answer yet. */
  restart(): SupervisedProcess;
  /** With the password of the one user, who is a superuser: for environments, never for arguments. */
  dsn(database: string, user?: string): string;
  /** Another superuser, with the same password. */
  addRole(name: string): Promise<void>;
}

const USER = 'airflow';

/** Each setting that is not PostgreSQL's default, with its reason. */
export const POSTGRES_SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  // Row changes in commit order, decoded by the recorder.
  wal_level: 'logical',
  max_replication_slots: '8',
  max_wal_senders: '8',
  // Records of errors with pid, transaction, SQLSTATE and both statements of a deadlock, as JSON.
  logging_collector: 'on',
  log_destination: 'jsonlog',
  log_filename: 'postgres',
  log_directory: 'wt_log',
  log_rotation_age: '0',
  log_rotation_size: '0',
  log_lock_waits: 'on',
  log_timezone: 'UTC',
  timezone: 'UTC',
  // Short: a deadlock is found soon after it began, and lock waits of this length are logged.
  deadlock_timeout: '300ms',
  // Each Airflow process may open 15 to 60 connections, and the fleet makes them do it.
  max_connections: '400',
  // Counts how often a scheduler checked whether a backfill is complete: proof that a check fell into a creation.
  shared_preload_libraries: 'pg_stat_statements',
  'pg_stat_statements.track_planning': 'off',
  // A deadlock's detail cuts the statements of the other sides here. Airflow's run to five thousand characters, and the
  // ids stand at the end.
  track_activity_query_size: '16384',
  shared_buffers: '256MB',
  // A checkpoint in mid-run would disturb the measurement.
  max_wal_size: '2GB',
  checkpoint_timeout: '30min',
  // Parallel plans and JIT compete for the two or four cores that everything shares here.
  jit: 'off',
  max_parallel_workers_per_gather: '0',
};

/**
 * Over TCP only who has the password comes in. The socket asks for none: it is how the password is set, and its folder
 * can be entered by the server's user alone (and by root).
 */
const ACCESS = `local all,replication all trust
host all,replication all 127.0.0.1/32 scram-sha-256
`;

/** A server of our own, in a folder of its own that goes away with the table, with a new password. */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const { port, table, signal, template, time = untimed } = options;
  const owner = postgresOwner();
  if (!canBeEntered(tmpdir())) {
    throw new StackError(
      `PostgreSQL runs as the user "nobody" here, which may not enter ${tmpdir()}: set TMPDIR to a folder open to all.`,
    );
  }
  const name = `wt-${table.id}-postgres-${randomBytes(3).toString('hex')}`;
  const folder = table.folder(path.join(tmpdir(), name), owner);
  const found = findPostgres();
  const binaries = binaryFolder(folder, found);
  const dataFolder = path.join(folder, 'pgdata');
  if (template)
    await time('copy the database', () =>
      run('cp', ['-a', template, dataFolder], { timeout: 60_000, signal, env: childEnvironment() }),
    );
  else await initdb(binaries, dataFolder, owner, signal);
  const access = path.join(folder, 'pg_hba.conf');
  writeFileSync(access, ACCESS, { mode: 0o600 });
  if (owner) chownSync(access, owner.uid, owner.gid);

  const settings = {
    ...(options.settings ?? POSTGRES_SETTINGS),
    hba_file: access,
    unix_socket_directories: folder,
    unix_socket_permissions: '0700',
    port: String(port),
    fsync: options.fsync ? 'on' : 'off',
  };
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const start = () =>
    table.start('postgres', path.join(binaries, 'bin', 'postgres'), ['-D', dataFolder, ...args], {
      env: { ...childEnvironment(), LC_ALL: 'C' },
      cwd: folder,
      log: options.log,
      ...owner,
    });
  let server = start();
  const password = options.password ?? randomBytes(24).toString('hex');
  const socket = `postgresql://${USER}@${encodeURIComponent(folder)}:${port}/postgres`;
  const postgres: Postgres = {
    version: found.version,
    port,
    dataFolder,
    jsonLog: path.join(dataFolder, 'wt_log', 'postgres.json'),
    get process() {
      return server;
    },
    restart() {
      server = start();
      return server;
    },
    addRole: (name) =>
      withClient(socket, async (client) => {
        await client.query(`CREATE ROLE ${name} LOGIN SUPERUSER PASSWORD '${scramVerifier(password)}'`);
      }),
    dsn: (database, user = USER) =>
      `postgresql://${user}:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`,
  };
  // Without the password itself: a statement that fails is logged.
  const sql = `ALTER ROLE ${USER} PASSWORD '${scramVerifier(password)}'`;
  await time('start PostgreSQL', () =>
    waitUntilReady(postgres, signal, () => withClient(socket, async (client) => void (await client.query(sql)))),
  );
  return postgres;
}

async function waitUntilReady(postgres: Postgres, signal: AbortSignal, attempt: () => Promise<void>): Promise<void> {
  const deadline = performance.now() + 30_000;
  let ended: string | undefined;
  void postgres.process.ended.then((how) => {
    ended = how;
  });
  for (let last: unknown; ; ) {
    signal.throwIfAborted();
    if (ended) throw new StackError(`PostgreSQL ${ended}: ${await lastWords(postgres)}`);
    if (performance.now() > deadline) throw new StackError(`PostgreSQL did not answer within 30 s: ${messageOf(last)}`);
    try {
      return await attempt();
    } catch (error) {
      last = error; // Not up yet; the deadline decides.
      await sleep(50);
    }
  }
}

/** Why it ended. What writes its log lives a moment longer than the server. */
async function lastWords({ jsonLog, process: { log } }: Postgres): Promise<string> {
  // That it is starting (57P03) is said to every client, and is no reason.
  const reason = /"error_severity":"(?:FATAL|PANIC)"(?!,"state_code":"57P03")/;
  const isSaid = () => existsSync(jsonLog) && reason.test(readFileSync(jsonLog, 'utf8'));
  for (let waited = 0; waited < 2_000 && !isSaid(); waited += 50) await sleep(50);
  for (const file of [jsonLog, log]) {
    if (existsSync(file)) {
      const lines = readFileSync(file, 'utf8').trim().split('\n').slice(-3);
      if (lines[0]) return lines.map((line) => /"message":"((?:[^"\\]|\\.)*)"/.exec(line)?.[1] ?? line).join(' · ');
    }
  }
  return 'its log is empty';
}

async function initdb(
  binaries: string,
  dataFolder: string,
  owner: FolderOwner | undefined,
  signal: AbortSignal,
): Promise<void> {
  // Who may connect says the server's own `hba_file`.
  const args = ['-D', dataFolder, '-U', USER, '--auth=reject', '--encoding=UTF8', '--no-locale', '--no-sync'];
  const options = { ...owner, timeout: 60_000, signal, cwd: '/', env: childEnvironment() };
  try {
    await run(path.join(binaries, 'bin', 'initdb'), args, options);
  } catch (error) {
    throw new StackError(`initdb failed: ${messageOf(error)}`, { cause: error });
  }
}

/** PostgreSQL refuses to run as root; a harness that runs as root starts it as this user. */
function postgresOwner(): FolderOwner | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const user = /^nobody:[^:]*:(\d+):(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8'));
  if (!user)
    throw new StackError('PostgreSQL does not run as root, and this machine has no user "nobody" to run it as.');
  return { uid: Number(user[1]), gid: Number(user[2]) };
}
