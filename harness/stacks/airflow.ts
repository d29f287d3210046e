import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { request } from 'undici';

import { messageOf, StackError } from '../model/errors.ts';
import type { LogSource } from '../record/server-log.ts';
import { type AirflowInstall, installAirflow } from './airflow-install.ts';
import { airflowSettings, TASK_INSTANCE_HEARTBEAT_TIMEOUT_S } from './airflow-settings.ts';
import { freePorts } from './ports.ts';
import { POSTGRES_VERSION, type Postgres, startPostgres } from './postgres.ts';
import type { ProcessTable, SupervisedProcess } from './process-table.ts';
import { toolEnvironment } from './run-tool.ts';
import type { Stack } from './stack.ts';
import { migratedTemplate } from './template.ts';

/** Importing Airflow takes 10 to 18 s on two busy cores; several processes do it at once. */
const READY_MS = 150_000;

export interface AirflowOptions {
  /** A release (`3.2.1`) or the path of a checkout. */
  readonly version: string;
  readonly schedulers: number;
  readonly apiServers: number;
  /** Deferred tasks need one; it costs a process, so only then. */
  readonly triggerer: boolean;
  readonly table: ProcessTable;
  /** Where each process's log goes. */
  logOf(name: string): string;
  progress(text: string): void;
  readonly signal: AbortSignal;
}

/** A stack of ours: what `up` needs on top, to write a target file. */
export interface ManagedStack extends Stack {
  readonly folder: string;
  readonly secret: string;
}

/** Installs, migrates and starts one Airflow: PostgreSQL, API servers, schedulers and a dag-processor, on loopback. */
export async function startAirflow(options: AirflowOptions): Promise<ManagedStack> {
  const { table, signal, progress } = options;
  const install = await installAirflow(options.version, { log: progress, signal });
  const folder = table.folder(path.join(os.tmpdir(), `wt-${table.id}`));
  const template = await migratedTemplate(install, table, folder, progress, signal);

  progress('starting PostgreSQL');
  const [pgPort = 0, publicPort = 0, ...executionPorts] = await freePorts(2 + options.apiServers);
  const postgres = await startPostgres({
    table,
    folder,
    port: pgPort,
    log: options.logOf('postgres'),
    template,
    fsync: true,
    signal,
  });
  const layout: Layout = {
    ...options,
    install,
    folder,
    postgres,
    publicPort,
    executionPorts,
    secret: randomBytes(48).toString('base64'),
  };
  mkdirSync(dagsFolder(layout));

  progress('starting Airflow');
  const commands = commandsOf(layout);
  const running = new Map(commands.map((command) => [command[0], startProcess(layout, command)]));
  const stack = describe(layout, running, (name) => {
    const command = commands.find(([other]) => other === name);
    if (!command) throw new StackError(`${name} is not a process of this stack.`);
    const process = startProcess(layout, command);
    running.set(name, process);
    return process;
  });
  await waitUntilReady(stack, [...running.values()], signal);
  return stack;
}

interface Layout extends AirflowOptions {
  readonly install: AirflowInstall;
  readonly folder: string;
  readonly postgres: Postgres;
  readonly publicPort: number;
  readonly executionPorts: readonly number[];
  readonly secret: string;
}

function dagsFolder(layout: Layout): string {
  return path.join(layout.folder, 'dags');
}

function handOffAddress(layout: Layout): string {
  return `unix:${path.join(layout.folder, 'handoff.sock')}`;
}

type Command = readonly [name: string, ...args: string[]];

/** The public API has a server of its own: a long POST /backfills must not be what slows the workers' heartbeats. */
function commandsOf({ executionPorts, publicPort, triggerer, schedulers }: Layout): Command[] {
  const server = (name: string, apps: string, port: number): Command => {
    return [name, 'api-server', '--apps', apps, '--host', '127.0.0.1', '--port', String(port)];
  };
  return [
    ...executionPorts.map((port, i) => server(`api-execution-${i + 1}`, 'execution', port)),
    server('api-core-1', 'core', publicPort),
    ['dag-processor', 'dag-processor'],
    ...(triggerer ? [['triggerer', 'triggerer'] as const] : []),
    ...Array.from({ length: schedulers }, (_, i): Command => [`scheduler-${i + 1}`, 'scheduler']),
  ];
}

function startProcess(layout: Layout, [name, ...args]: Command): SupervisedProcess {
  const settings = airflowSettings({
    home: path.join(layout.folder, 'airflow'),
    dagsFolder: dagsFolder(layout),
    dsn: layout.postgres.dsn('airflow'),
    publicPort: layout.publicPort,
    executionUrl: `http://127.0.0.1:${layout.executionPorts[0]}/execution/`,
    secret: layout.secret,
    executor: 'windtunnel_executor.HandOffExecutor',
  });
  return layout.table.start(name, path.join(layout.install.bin, 'airflow'), args, {
    env: {
      ...toolEnvironment(process.env),
      ...settings,
      // libpq reads it for every connection: the database says which process it serves.
      PGAPPNAME: `wt-${name}`,
      PATH: `${layout.install.bin}:${process.env.PATH}`,
      PYTHONPATH: layout.install.executorPath,
      PYTHONUNBUFFERED: '1',
      WINDTUNNEL_HANDOFF: handOffAddress(layout),
      WINDTUNNEL_PROCESS: name,
    },
    cwd: layout.folder,
    log: layout.logOf(name),
  });
}

function describe(
  layout: Layout,
  running: ReadonlyMap<string, SupervisedProcess>,
  restart: (name: string) => SupervisedProcess,
): ManagedStack {
  const publicUrl = `http://127.0.0.1:${layout.publicPort}`;
  const logs: LogSource[] = [...running.values()].map(({ name, log }) => ({
    source: name,
    file: log,
    format: 'airflow',
    from: 'start',
  }));
  return {
    build: `airflow@${layout.version}`,
    identity: {
      airflow: layout.install.version,
      python: layout.install.pythonVersion,
      packages: layout.install.packagesHash,
      postgres: POSTGRES_VERSION,
      task_instance_heartbeat_timeout_s: String(TASK_INSTANCE_HEARTBEAT_TIMEOUT_S),
    },
    executionUrls: layout.executionPorts.map((port) => `http://127.0.0.1:${port}/execution`),
    publicUrl,
    publicToken: () => fetchToken(publicUrl),
    dsn: layout.postgres.dsn('airflow'),
    handOffAddress: handOffAddress(layout),
    dagsFolder: dagsFolder(layout),
    get processes() {
      return [layout.postgres.process, ...running.values()];
    },
    restart,
    logs: [{ source: 'postgres', file: layout.postgres.jsonLog, format: 'postgres-jsonlog', from: 'start' }, ...logs],
    schedulers: layout.schedulers,
    heartbeatTimeoutS: TASK_INSTANCE_HEARTBEAT_TIMEOUT_S,
    dagNamespace: '',
    outlivesRun: false,
    close: () => layout.table.close(),
    folder: layout.folder,
    secret: layout.secret,
  };
}

/** With all users admins, the simple auth manager gives a token to whoever asks: on loopback, for a throw-away stack. */
async function fetchToken(publicUrl: string): Promise<string> {
  const answer = await request(`${publicUrl}/auth/token`, { headersTimeout: 10_000, bodyTimeout: 10_000 });
  const body: unknown = await answer.body.json();
  const token = typeof body === 'object' && body !== null && 'access_token' in body ? body.access_token : undefined;
  if (typeof token !== 'string') throw new StackError(`The public API gave no token: status ${answer.statusCode}.`);
  return token;
}

async function waitUntilReady(
  stack: Stack,
  processes: readonly SupervisedProcess[],
  signal: AbortSignal,
): Promise<void> {
  const checks = [
    ...stack.executionUrls.map((url) => answers(`${url}/health`)),
    answers(`${stack.publicUrl}/api/v2/monitor/health`, schedulerIsHealthy),
  ];
  const deadline = Date.now() + READY_MS;
  const died = Promise.race(
    processes.map(async (p): Promise<string> => `${p.name} ${await p.ended}: ${logTail(p.log)} (see ${p.log})`),
  );
  for (;;) {
    signal.throwIfAborted();
    const dead = await Promise.race([died, sleep(250)]);
    if (dead) throw new StackError(dead);
    if ((await Promise.all(checks.map((check) => check()))).every(Boolean)) return;
    if (Date.now() > deadline)
      throw new StackError(`Airflow was not ready within ${READY_MS / 1000} s (logs beside ${processes[0]?.log}).`);
  }
}

function answers(url: string, isGood: (body: unknown) => boolean = () => true): () => Promise<boolean> {
  let good = false;
  return async () => {
    if (good) return true;
    try {
      const answer = await request(url, { headersTimeout: 5_000, bodyTimeout: 5_000 });
      good = answer.statusCode === 200 && isGood(await answer.body.json());
    } catch {
      good = false; // Not up yet; the deadline decides.
    }
    return good;
  };
}

function schedulerIsHealthy(body: unknown): boolean {
  const health = body as Record<string, { status?: string } | undefined>;
  return health.scheduler?.status === 'healthy' && health.dag_processor?.status === 'healthy';
}

export function logTail(file: string): string {
  try {
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    return lines.slice(-2).join(' · ').slice(0, 400);
  } catch (error) {
    return messageOf(error);
  }
}
