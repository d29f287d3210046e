import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, StackError } from '../model/errors.ts';
import type { Command, LogSource, Stack, SupervisedProcess } from '../model/stack.ts';
import { type Stopwatch, untimed } from '../model/timing.ts';
import { TRACED_ROLE } from '../model/wire.ts';
import { freePorts } from '../system/ports.ts';
import { withClient } from '../system/postgres-client.ts';
import type { ProcessTable } from '../system/process-table.ts';
import { CATALOGUE, type CataloguedColumn } from '../wire/catalogue.ts';
import { openWireProxy, type WireProxy } from '../wire/proxy.ts';
import { healthChecks, isHealthy } from './health.ts';
import { type Postgres, startPostgres } from './postgres.ts';
import { mintPublicToken } from './public-token.ts';

/** How a stack of ours is laid out, whatever build it runs. */
export interface ManagedOptions {
  readonly schedulers: number;
  readonly apiServers: number;
  /** Deferred tasks need one; it costs a process, so only then. */
  readonly triggerer: boolean;
  /** [scheduler] task_queued_timeout; absent: Airflow's ten minutes. */
  readonly queuedTimeoutS?: number;
  /** [scheduler] task_instance_heartbeat_timeout; absent: thirty seconds. */
  readonly heartbeatTimeoutS?: number;
  /** [scheduler] max_tis_per_query; absent: 128. */
  readonly maxTisPerQuery?: number;
  /** Names of processes that are not started with the others, but by `Stack.restart`. */
  readonly later?: readonly string[];
  /** Each process reaches PostgreSQL through a proxy of its own, which the faults on the wire need. */
  readonly wire?: boolean;
  /**
   * Called with the proxies before any process is started. Then the processes use the database as `TRACED_ROLE`.
   */
  readonly onWires?: ((wires: ReadonlyMap<string, WireProxy>) => Promise<void>) | undefined;
  readonly table: ProcessTable;
  /** Where each process's log goes. */
  logOf(name: string): string;
  progress(text: string): void;
  readonly time?: Stopwatch;
  readonly signal: AbortSignal;
}

/** A stack of ours: what `up` needs on top, to write a target file. */
export interface ManagedStack extends Stack {
  readonly folder: string;
  readonly secret: string;
  /** The file with the password of `ADMIN`, where there are pages to log in to. */
  readonly loginFile?: string;
}

/** What stays when another build takes over: the database, and the folder, addresses and secret of the processes. */
export interface StackSite {
  readonly postgres: Postgres;
  readonly layout: Layout;
}

/** What differs from one kind of build to another. */
export interface BuildRecipe {
  readonly build: string;
  /** Versions, for the manifest; PostgreSQL's and the heartbeat time-out are added. */
  readonly identity: Readonly<Record<string, string>>;
  /** As of `Stack`. */
  readonly lock?: string;
  readonly patches?: Stack['patches'];
  readonly heartbeatTimeoutS: number;
  /** The data folder to begin from; `workshop` is a folder that goes away with the run. */
  template(workshop: string): Promise<string>;
  /** What must be there before any process starts: rows of the new database, files of the stack's folder. */
  prepare?(layout: Layout): Promise<void>;
  /** As `ManagedStack.loginFile`. */
  loginFile?(layout: Layout): string;
  /** The command that migrates a database which another build has used; absent: nothing is to be migrated. */
  migration?(layout: Layout): Command;
  /** As of `Stack`. */
  workers?(layout: Layout): Command;
  /** What one process is started with. */
  command(layout: Layout, role: ProcessRole): Command;
  /** How long importing and connecting may take, at most. */
  readonly readyMs: number;
  /** How often readiness is asked for. */
  readonly pollMs: number;
}

/** `port` for the roles that listen. */
export type ProcessRole =
  | { readonly name: string; readonly role: 'api-execution' | 'api-core'; readonly port: number }
  | { readonly name: string; readonly role: 'dag-processor' | 'triggerer' | 'scheduler' };

export interface Layout {
  readonly folder: string;
  readonly dagsFolder: string;
  readonly handOffAddress: string;
  /** As the process is to reach the database. */
  readonly dsn: string;
  readonly publicPort: number;
  readonly executionPorts: readonly number[];
  /** Signs every token of this stack. */
  readonly secret: string;
}

/** The one user of a stack of ours. */
export const ADMIN = 'windtunnel';

/**
 * PostgreSQL, API servers, schedulers and a dag-processor, on loopback, from a template. Returns as soon as PostgreSQL
 * answers and the others have been started; see `Stack.ready`.
 */
export async function startManaged(options: ManagedOptions, recipe: BuildRecipe): Promise<ManagedStack> {
  return startOn(await openSite(options, recipe), options, recipe);
}

/** PostgreSQL with the database of the build, and what its processes are to share. Nothing else is started. */
export async function openSite(
  options: Omit<ManagedOptions, 'schedulers' | 'triggerer'>,
  recipe: BuildRecipe,
): Promise<StackSite> {
  const { table, signal, progress, time = untimed } = options;
  const folder = table.folder(path.join(os.tmpdir(), `wt-${table.id}`));
  const template = await time('make the database template', () => recipe.template(folder));

  progress('starting PostgreSQL');
  const [pgPort = 0, publicPort = 0, ...executionPorts] = await freePorts(2 + options.apiServers);
  const log = options.logOf('postgres');
  const postgres = await startPostgres({ table, port: pgPort, log, template, fsync: true, signal, time });
  const dsn = postgres.dsn('airflow');
  const layout: Layout = {
    folder,
    dagsFolder: path.join(folder, 'dags'),
    handOffAddress: `unix:${path.join(folder, 'handoff.sock')}`,
    dsn,
    publicPort,
    executionPorts,
    secret: randomBytes(48).toString('base64'),
  };
  mkdirSync(layout.dagsFolder);
  await recipe.prepare?.(layout);
  return { postgres, layout };
}

/** The processes of a build on a database that it can use. `close` ends all that is in the table of the options. */
export async function startOn(
  { postgres, layout }: StackSite,
  options: ManagedOptions,
  recipe: BuildRecipe,
): Promise<ManagedStack> {
  const { table, progress } = options;
  const { dsn, folder } = layout;
  progress(`starting ${recipe.build}`);
  const roles = rolesOf(layout, options);
  const wires = new Map<string, WireProxy>();
  const start = (role: ProcessRole): SupervisedProcess => {
    const wire = wires.get(role.name);
    const through = wire && throughPort(options.onWires ? postgres.dsn('airflow', TRACED_ROLE) : dsn, wire.port);
    const { file, args, env } = recipe.command(through === undefined ? layout : { ...layout, dsn: through }, role);
    return table.start(role.name, file, args, { env, cwd: folder, log: options.logOf(role.name) });
  };
  const close = async () => {
    // A process that is held could not end.
    for (const wire of wires.values()) wire.letGo();
    // The processes first: they must not see their connections break in a run that ends in order.
    await table.close();
    await Promise.all([...wires.values()].map((wire) => wire.close()));
  };
  try {
    const columns = () => withClient(dsn, async (client) => (await client.query<CataloguedColumn>(CATALOGUE)).rows);
    if (options.wire)
      for (const { name } of roles)
        wires.set(name, await openWireProxy({ host: '127.0.0.1', port: postgres.port, process: name, columns }));
    if (options.onWires) {
      await postgres.addRole(TRACED_ROLE);
      await options.onWires(wires);
    }
    const atOnce = roles.filter(({ name }) => !options.later?.includes(name));
    const running = new Map(atOnce.map((role) => [role.name, start(role)]));
    const ready = waitUntilReady(layout, () => [...running.values()], recipe, options);
    // It is awaited later; a failure before is not an unhandled one.
    ready.catch(() => undefined);
    return describe({ options, recipe, layout, postgres, running, wires, ready, close }, (name) => {
      if (name === 'postgres') return postgres.restart();
      const role = roles.find((other) => other.name === name);
      if (!role) throw new StackError(`${name} is not a process of this stack.`);
      const process = start(role);
      running.set(name, process);
      return process;
    });
  } catch (error) {
    await close();
    throw error;
  }
}

function throughPort(dsn: string, port: number): string {
  const url = new URL(dsn);
  url.port = String(port);
  return url.href;
}

/** The names of a stack's processes, without PostgreSQL: known before it starts. */
export function processNames(options: Pick<ManagedOptions, 'schedulers' | 'apiServers' | 'triggerer'>): string[] {
  const executionPorts = Array.from({ length: options.apiServers }, () => 0);
  return rolesOf({ executionPorts, publicPort: 0 }, options).map(({ name }) => name);
}

/** The public API has a server of its own: a long POST /backfills must not be what slows the workers' heartbeats. */
export function rolesOf(
  { executionPorts, publicPort }: Pick<Layout, 'executionPorts' | 'publicPort'>,
  { triggerer, schedulers }: Pick<ManagedOptions, 'triggerer' | 'schedulers'>,
): ProcessRole[] {
  return [
    ...executionPorts.map((port, i) => ({ name: `api-execution-${i + 1}`, role: 'api-execution' as const, port })),
    { name: 'api-core-1', role: 'api-core', port: publicPort },
    { name: 'dag-processor', role: 'dag-processor' },
    ...(triggerer ? [{ name: 'triggerer', role: 'triggerer' as const }] : []),
    ...Array.from({ length: schedulers }, (_, i) => ({ name: `scheduler-${i + 1}`, role: 'scheduler' as const })),
  ];
}

interface Running {
  readonly options: ManagedOptions;
  readonly recipe: BuildRecipe;
  readonly layout: Layout;
  readonly postgres: Postgres;
  readonly running: ReadonlyMap<string, SupervisedProcess>;
  readonly wires: ReadonlyMap<string, WireProxy>;
  readonly ready: Promise<void>;
  close(): Promise<void>;
}

function describe(
  { options, recipe, layout, postgres, running, wires, ready, close }: Running,
  restart: (name: string) => SupervisedProcess,
): ManagedStack {
  const { publicUrl, executionUrls } = urlsOf(layout);
  const logs: LogSource[] = rolesOf(layout, options).map(({ name }) => ({
    source: name,
    file: options.logOf(name),
    format: 'airflow',
    from: 'start',
  }));
  return {
    build: recipe.build,
    ready,
    identity: {
      ...recipe.identity,
      postgres: postgres.version,
      task_instance_heartbeat_timeout_s: String(recipe.heartbeatTimeoutS),
      ...(options.queuedTimeoutS === undefined ? {} : { task_queued_timeout_s: String(options.queuedTimeoutS) }),
    },
    ...(recipe.lock === undefined ? {} : { lock: recipe.lock }),
    ...(recipe.patches?.length ? { patches: recipe.patches } : {}),
    executionUrls,
    publicUrl,
    publicToken: () => mintPublicToken(layout.secret, ADMIN),
    dsn: layout.dsn,
    handOffAddress: layout.handOffAddress,
    dagsFolder: layout.dagsFolder,
    ...(recipe.workers ? { workers: recipe.workers(layout) } : {}),
    get processes() {
      return [postgres.process, ...running.values()];
    },
    healthy: () => isHealthy(executionUrls, publicUrl),
    restart,
    logs: [{ source: 'postgres', file: postgres.jsonLog, format: 'postgres-jsonlog', from: 'start' }, ...logs],
    schedulers: options.schedulers,
    heartbeatTimeoutS: recipe.heartbeatTimeoutS,
    dagNamespace: '',
    outlivesRun: false,
    ...(options.wire ? { wires } : {}),
    close,
    folder: layout.folder,
    secret: layout.secret,
    ...(recipe.loginFile ? { loginFile: recipe.loginFile(layout) } : {}),
  };
}

function urlsOf({ publicPort, executionPorts }: Layout): Pick<Stack, 'publicUrl' | 'executionUrls'> {
  return {
    publicUrl: `http://127.0.0.1:${publicPort}`,
    executionUrls: executionPorts.map((port) => `http://127.0.0.1:${port}/execution`),
  };
}

async function waitUntilReady(
  layout: Layout,
  processes: () => readonly SupervisedProcess[],
  { build, readyMs, pollMs }: BuildRecipe,
  { signal, later = [], time = untimed }: ManagedOptions,
): Promise<void> {
  const deadline = performance.now() + readyMs;
  const died = () =>
    Promise.race(
      processes().map(async (p): Promise<string> => `${p.name} ${await p.ended}: ${logTail(p.log)} (see ${p.log})`),
    );
  const waitFor = async (isReady: () => Promise<boolean>) => {
    for (;;) {
      signal.throwIfAborted();
      if (await isReady()) return;
      if (performance.now() > deadline)
        throw new StackError(`${build} was not ready within ${readyMs / 1000} s (logs beside ${processes()[0]?.log}).`);
      const dead = await Promise.race([died(), sleep(pollMs)]);
      if (dead) throw new StackError(dead);
    }
  };
  const { executionUrls, publicUrl } = urlsOf(layout);
  const checks = healthChecks(executionUrls, publicUrl, !later.includes('dag-processor'));
  await Promise.all(checks.map(({ name, isReady }) => time(`wait for ${name}`, () => waitFor(isReady))));
}

function logTail(file: string): string {
  try {
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    return lines.slice(-2).join(' · ').slice(0, 400);
  } catch (error) {
    return messageOf(error);
  }
}
