import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { recordedBuild } from '../../model/build.ts';
import type { Command } from '../../model/stack.ts';
import { untimed } from '../../model/timing.ts';
import { childEnvironment } from '../../system/environment.ts';
import {
  ADMIN,
  type BuildRecipe,
  type Layout,
  type ManagedOptions,
  type ManagedStack,
  type ProcessRole,
  startManaged,
} from '../managed.ts';
import { type AirflowInstall, installAirflow } from './install.ts';
import { migratedTemplate } from './migrate.ts';
import type { Patch } from './patch-file.ts';
import { airflowSettings, TASK_INSTANCE_HEARTBEAT_TIMEOUT_S } from './settings.ts';

/** Importing Airflow takes 10 to 18 s on two busy cores; several processes do it at once. */
const READY_MS = 150_000;
/** Port 1 of this machine: Airflow wants a URL, and connects when it is first used. */
const NO_DATABASE = 'postgresql://nowhere@127.0.0.1:1/none';
const WORKERS_PATH = fileURLToPath(new URL('../../../workloads/real_workers/', import.meta.url));

export interface AirflowOptions extends ManagedOptions {
  /** A release (`3.2.1`), or the path of a checkout, of a wheel or of a lock. */
  readonly version: string;
  /** Files, in their order. */
  readonly patches?: readonly string[];
  /** Settings of Airflow that are not those of a stack of ours, as environment variables. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** Installs, migrates and starts one Airflow: PostgreSQL, API servers, schedulers and a dag-processor, on loopback. */
export async function startAirflow(options: AirflowOptions): Promise<ManagedStack> {
  return startManaged(options, await airflowRecipe(options));
}

/** Installs the build if it is not there yet. */
export async function airflowRecipe(options: AirflowOptions): Promise<BuildRecipe> {
  const { version, patches = [], table, signal, progress, time = untimed } = options;
  const install = await time('find the installation', () =>
    installAirflow(version, { patches, log: progress, signal }),
  );
  return {
    build: recordedBuild(version, install.patches),
    identity: {
      airflow: install.version,
      python: install.pythonVersion,
      packages: install.packagesHash,
      lock: install.lock?.sha256 ?? 'none: a checkout, a wheel, or installed before locks were kept',
      ...(patches.length === 0 ? {} : { patches: install.patches.map(patchWords).join(', ') }),
    },
    ...(install.lock ? { lock: install.lock.text } : {}),
    patches: install.patches.map(({ name, sha256, text }) => ({ name, sha256, text })),
    heartbeatTimeoutS: options.heartbeatTimeoutS ?? TASK_INSTANCE_HEARTBEAT_TIMEOUT_S,
    template: (workshop) => migratedTemplate(install, { table, workshop, progress, signal }),
    // Without it Airflow makes a password up and prints it to its log, which is kept with the run.
    async prepare(layout) {
      const passwords = { [ADMIN]: randomBytes(24).toString('hex') };
      writeFileSync(loginFile(layout), JSON.stringify(passwords), { mode: 0o600 });
    },
    loginFile,
    migration: (layout) => ({
      file: path.join(install.bin, 'airflow'),
      args: ['db', 'migrate'],
      env: {
        ...childEnvironment(),
        ...settingsOf(options, layout),
        ...options.settings,
        ...processVariables('migration', { executorPath: install.executorPath, handOff: layout.handOffAddress }),
        PATH: `${install.bin}:${process.env.PATH}`,
      },
    }),
    workers: (layout) => workersOf(install, options, layout),
    command: (layout, role) => commandOf(install, options, layout, role),
    readyMs: READY_MS,
    pollMs: 100,
  };
}

/** Of the simple auth manager: a JSON object of names and passwords. */
function loginFile({ folder }: Layout): string {
  return path.join(folder, 'passwords.json');
}

function patchWords({ name, sha256 }: Pick<Patch, 'name' | 'sha256'>): string {
  return `${name} (sha256 ${sha256})`;
}

function settingsOf(
  { queuedTimeoutS, heartbeatTimeoutS, maxTisPerQuery }: AirflowOptions,
  layout: Layout,
): Readonly<Record<string, string>> {
  return airflowSettings({
    home: path.join(layout.folder, 'airflow'),
    dagsFolder: layout.dagsFolder,
    dsn: layout.dsn,
    publicUrl: `http://127.0.0.1:${layout.publicPort}`,
    executionUrl: `http://127.0.0.1:${layout.executionPorts[0]}/execution/`,
    secret: layout.secret,
    executor: 'windtunnel_executor.HandOffExecutor',
    login: { user: ADMIN, passwordsFile: loginFile(layout) },
    ...(queuedTimeoutS === undefined ? {} : { queuedTimeoutS }),
    ...(heartbeatTimeoutS === undefined ? {} : { heartbeatTimeoutS }),
    ...(maxTisPerQuery === undefined ? {} : { maxTisPerQuery }),
  });
}

function commandOf(install: AirflowInstall, options: AirflowOptions, layout: Layout, role: ProcessRole): Command {
  return {
    file: path.join(install.bin, 'airflow'),
    args: argumentsOf(role),
    env: {
      ...childEnvironment(),
      ...settingsOf(options, layout),
      ...options.settings,
      ...processVariables(role.name, { executorPath: install.executorPath, handOff: layout.handOffAddress }),
      PATH: `${install.bin}:${process.env.PATH}`,
    },
  };
}

/** Real workers have what a remote worker has: no access to the database, and no secret that signs tokens. */
function workersOf(install: AirflowInstall, options: AirflowOptions, layout: Layout): Command {
  const settings = settingsOf(options, { ...layout, dsn: NO_DATABASE });
  const secrets = /^AIRFLOW__API(_AUTH)?__/;
  return {
    file: path.join(install.bin, 'python'),
    args: ['-m', 'windtunnel_workers'],
    env: {
      ...childEnvironment(),
      ...Object.fromEntries(Object.entries(settings).filter(([name]) => !secrets.test(name))),
      ...options.settings,
      PYTHONPATH: WORKERS_PATH,
      PYTHONUNBUFFERED: '1',
      AIRFLOW__CORE__HOSTNAME_CALLABLE: 'windtunnel_workers.host',
      WINDTUNNEL_PROCESS: 'real-workers',
      PATH: `${install.bin}:${process.env.PATH}`,
    },
  };
}

/** Variables that name an Airflow process, and say the executor where to deliver. */
export function processVariables(
  name: string,
  { executorPath, handOff }: { readonly executorPath: string; readonly handOff: string },
): Readonly<Record<string, string>> {
  return {
    // libpq reads it for every connection: the database says which process it serves.
    PGAPPNAME: `wt-${name}`,
    PYTHONPATH: executorPath,
    PYTHONUNBUFFERED: '1',
    WINDTUNNEL_HANDOFF: handOff,
    WINDTUNNEL_PROCESS: name,
  };
}

export function argumentsOf(role: ProcessRole, host = '127.0.0.1'): string[] {
  if (!('port' in role)) return [role.role];
  const apps = role.role === 'api-execution' ? 'execution' : 'core';
  return ['api-server', '--apps', apps, '--host', host, '--port', String(role.port)];
}
