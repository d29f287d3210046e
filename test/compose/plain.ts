import { execFile } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { SupervisedProcess } from '../../harness/model/stack.ts';
import { startPostgres } from '../../harness/stacks/postgres.ts';
import { freePorts } from '../../harness/system/ports.ts';
import { withClient } from '../../harness/system/postgres-client.ts';
import type { ProcessTable } from '../../harness/system/process-table.ts';
import { DOCKER, mountsOf, type Service, type Services } from './read.ts';

const run = promisify(execFile);
const ROOT = path.join(DOCKER, '..');
const STEP_MS = 180_000;

export interface PlainOptions {
  readonly table: ProcessTable;
  /** A folder of the table: the volumes and logs go below it. */
  readonly folder: string;
  /** PATH in a container of this image. */
  pathOf(image: string): string;
  readonly signal: AbortSignal;
}

/**
 * The services of a compose file as plain processes of this machine, in the order and with the commands, variables and
 * health checks that the file gives. Only places differ: each service has a loopback address of its own in place of its
 * name, a volume is a folder, and the image is what is installed here.
 */
export class PlainTopology {
  readonly #services: Services;
  readonly #options: PlainOptions;
  readonly #addresses = new Map<string, string>();
  readonly #started = new Map<string, Promise<SupervisedProcess>>();

  constructor(services: Services, options: PlainOptions) {
    this.#services = services;
    this.#options = options;
    const net = `127.${randomInt(64, 255)}.${randomInt(1, 255)}`;
    for (const [i, name] of Object.keys(services).entries()) this.#addresses.set(name, `${net}.${i + 1}`);
  }

  get running(): readonly string[] {
    return [...this.#started.keys()];
  }

  /** Starts all that `name` depends on, and waits until each is as far as it must be. */
  async startBelow(name: string): Promise<void> {
    const { depends_on } = this.#service(name);
    await Promise.all(Object.entries(depends_on).map(([other, { condition }]) => this.#satisfied(other, condition)));
  }

  /** A file of the repository as it stands in the container of `name`: with the places of this machine. */
  adapted(name: string, file: string): string {
    const target = path.join(this.#options.folder, `${name}-${path.basename(file)}`);
    writeFileSync(target, this.#here(name, readFileSync(file, 'utf8')));
    return target;
  }

  /** What the service is started with, if `command` takes the place of its own. */
  commandOf(name: string, command?: readonly string[]): { file: string; args: string[]; env: NodeJS.ProcessEnv } {
    const service = this.#service(name);
    const [file = '', ...args] = [...service.entrypoint, ...(command ?? service.command)].map((word) =>
      this.#here(name, word),
    );
    return { file, args, env: this.#environment(name) };
  }

  #service(name: string): Service {
    const service = this.#services[name];
    if (!service) throw new Error(`no service ${name}`);
    return service;
  }

  #start(name: string): Promise<SupervisedProcess> {
    const known = this.#started.get(name);
    if (known) return known;
    const starting = this.startBelow(name).then(() =>
      name === 'postgres' ? this.#startPostgres() : this.#startProcess(name),
    );
    this.#started.set(name, starting);
    return starting;
  }

  #startProcess(name: string): SupervisedProcess {
    const { table, folder } = this.#options;
    mkdirSync(path.join(folder, 'shared', 'dags'), { recursive: true });
    mkdirSync(path.join(folder, 'shared', 'logs'), { recursive: true });
    const { file, args, env } = this.commandOf(name);
    return table.start(name, file, args, { env, cwd: ROOT, log: path.join(folder, `${name}.log`) });
  }

  /** The image's entry point in short: a new cluster, the database, the files of initdb.d, then the server. */
  async #startPostgres(): Promise<SupervisedProcess> {
    const { table, folder, signal } = this.#options;
    const { command, environment, volumes } = this.#service('postgres');
    const [server, ...rest] = command;
    const settings = Object.fromEntries(
      rest.filter((word) => word !== '-c').map((word) => [word.slice(0, word.indexOf('=')), word.split('=')[1] ?? '']),
    );
    const source = mountsOf({ ...this.#service('postgres'), volumes }).find(
      (one) => one.target === settings.config_file,
    );
    if (server !== 'postgres' || !source) throw new Error(`not a server with a file of ours: ${command.join(' ')}`);
    // As root the server runs as another user, who finds its configuration here.
    chmodSync(folder, 0o711);
    const logs = path.join(folder, 'postgres-log');
    mkdirSync(logs);
    chmodSync(logs, 0o777);
    const config_file = this.adapted('postgres', path.join(DOCKER, source.source));
    chmodSync(config_file, 0o644);
    const [port = 0] = await freePorts(1);
    const place = { listen_addresses: '127.0.0.1' };
    const postgres = await startPostgres({
      table,
      port,
      password: environment.POSTGRES_PASSWORD ?? '',
      log: path.join(folder, 'postgres.log'),
      settings: { ...settings, config_file, ...place },
      fsync: false,
      signal,
    });
    this.#addresses.set('postgres', `127.0.0.1:${port}`);
    const database = environment.POSTGRES_DB ?? '';
    await withClient(postgres.dsn('postgres'), (client) => client.query(`CREATE DATABASE ${database}`));
    for (const { source: file, target } of mountsOf(this.#service('postgres'))) {
      if (!target.startsWith('/docker-entrypoint-initdb.d/')) continue;
      const sql = readFileSync(path.join(DOCKER, file), 'utf8');
      await withClient(postgres.dsn(database), (client) => client.query(sql));
    }
    return postgres.process;
  }

  async #satisfied(name: string, condition: string): Promise<void> {
    const process = await this.#start(name);
    if (condition === 'service_started') return;
    if (condition === 'service_completed_successfully') {
      const end = await Promise.race([process.ended, sleep(STEP_MS, 'did not end', { ref: false })]);
      if (end !== 'ended with code 0')
        throw new Error(`${name} ${end}: ${readFileSync(process.log, 'utf8').slice(-500)}`);
      return;
    }
    if (condition !== 'service_healthy') throw new Error(`an unknown condition: ${condition}`);
    // There is no pg_isready among these binaries, and the server has answered.
    if (name !== 'postgres') await this.#healthy(name, process);
  }

  async #healthy(name: string, process: SupervisedProcess): Promise<void> {
    const [kind, file = '', ...args] = this.#service(name).healthcheck?.test ?? [];
    if (kind !== 'CMD') throw new Error(`${name} has no health check`);
    const ended = process.ended.then((how) => `${name} ${how}: ${readFileSync(process.log, 'utf8').slice(-500)}`);
    const deadline = Date.now() + STEP_MS;
    for (let last: unknown; ; ) {
      const words = args.map((word) => this.#here(name, word));
      const check = run(file, words, { env: this.#environment(name), timeout: 30_000 }).then(
        () => true,
        (error: unknown) => {
          last = error; // Not healthy yet: the deadline decides.
          return false;
        },
      );
      const state = await Promise.race([check, ended]);
      if (state === true) return;
      if (typeof state === 'string') throw new Error(state);
      if (Date.now() > deadline) throw new Error(`${name} did not become healthy: ${last}`);
      await sleep(500);
    }
  }

  #environment(name: string): NodeJS.ProcessEnv {
    const { image, environment } = this.#service(name);
    const own = Object.entries(environment).map(([variable, value]) => [variable, this.#here(name, value)]);
    const { folder, pathOf } = this.#options;
    return { PATH: pathOf(image), HOME: folder, TMPDIR: process.env.TMPDIR, ...Object.fromEntries(own) };
  }

  /** Names of services, addresses and places in a container, as they are here. */
  #here(name: string, text: string): string {
    const own = this.#addresses.get(name) ?? '';
    const places = new Map([
      ['/opt/windtunnel', ROOT],
      ['/opt/airflow', path.join(this.#options.folder, `airflow-${name}`)],
      ...mountsOf(this.#service(name)).map(({ source, target }): [string, string] => [
        target,
        source.startsWith('.') ? path.join(DOCKER, source) : path.join(this.#options.folder, source),
      ]),
    ]);
    if (name === 'postgres') places.set('/var/log/postgresql', path.join(this.#options.folder, 'postgres-log'));
    const either = (words: Iterable<string>) =>
      [...words]
        .sort((a, b) => b.length - a.length)
        .map((word) => word.replaceAll('.', '\\.'))
        .join('|');
    const hosts = `(?<=//|@)(${either(this.#addresses.keys())})(:\\d+)?(?=/|$|[\\s"\\]])`;
    const paths = `(?<![\\w.-])(${either(places.keys())})(?![\\w-])`;
    return text.replace(
      new RegExp(`${hosts}|${paths}|0\\.0\\.0\\.0|127\\.0\\.0\\.1|localhost`, 'gm'),
      (whole, host?: string, port?: string, place?: string) => {
        if (place !== undefined) return places.get(place) ?? whole;
        if (host === undefined) return own;
        const address = this.#addresses.get(host) ?? host;
        return address.includes(':') ? address : `${address}${port ?? ''}`;
      },
    );
  }
}
