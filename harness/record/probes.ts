import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { BACKFILL_CHECKS } from '../model/airflow/statements.ts';
import { nextDue } from '../model/arrivals.ts';
import { roundMs, type WallClock } from '../model/clock.ts';
import { note, type Recorder } from '../model/run-context.ts';
import type { SupervisedProcess } from '../model/stack.ts';
import type { Sample, SampleMetric } from '../model/tables.ts';
import { CpuWaits } from '../system/cpu-waits.ts';
import { portsInUse } from '../system/ports.ts';
import { ReconnectingClient } from '../system/postgres-client.ts';
import { type ProcessStats, readProcessStats } from '../system/proc.ts';
import type { DatabaseClock } from './database-clock.ts';
import { LockSampler } from './lock-sampler.ts';
import type { Outages } from './outages.ts';
import { SelfProbe } from './self-probe.ts';

const EVERY_MS = 1_000;
const QUERY_MS = 10_000;

export interface ProbesOptions {
  readonly dsn: string;
  /** As they are now: a process that was started again has another pid. */
  processes(): readonly SupervisedProcess[];
  /** Processes of the harness's own. */
  helpers(): readonly SupervisedProcess[];
  readonly record: Recorder;
  readonly clock: WallClock;
  /** Read once a second. */
  readonly databaseClock: DatabaseClock;
  /** Learns whether the database answered. */
  readonly outages: Pick<Outages, 'answered' | 'failed'>;
  /** The fleet's own counters at this moment. */
  fleet(): Readonly<Partial<Record<SampleMetric, number>>>;
}

/** Samples the machine, the processes, the database and the fleet once a second, and waits for locks more often. */
export class Probes {
  readonly #options: ProbesOptions;
  readonly #self: SelfProbe;
  readonly #database: ReconnectingClient;
  readonly #locks: LockSampler;
  readonly #cpuWaits = new CpuWaits();
  readonly #backends = new Map<number, string>();
  readonly #helpersCpuS = new Map<number, number>();
  #deadlocks = 0;
  #deadlocksBefore: number | undefined;

  constructor(options: ProbesOptions) {
    this.#options = options;
    this.#self = new SelfProbe(() => options.record.behindMs);
    this.#locks = new LockSampler(options);
    this.#database = new ReconnectingClient(options.dsn, { name: 'wt-harness-probe', queryMs: QUERY_MS });
  }

  /** Deadlocks that PostgreSQL has counted since `start`. */
  get deadlocks(): number {
    return this.#deadlocks;
  }

  async start(): Promise<void> {
    await this.#database.get();
    await this.#locks.start();
    this.#self.start();
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#readEverySecond(signal), this.#locks.run(signal)]);
  }

  async #readEverySecond(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    for (let due = clock.now(); !signal.aborted; due = nextDue(due, EVERY_MS, clock.now())) {
      await this.read();
      await sleep(Math.max(0, due + EVERY_MS - clock.now()), undefined, { signal }).catch(() => undefined);
    }
  }

  /** One reading of everything. A database that does not answer leaves a gap, which is recorded. */
  async read(): Promise<void> {
    this.#sampleMachine();
    this.#addAll('fleet', this.#options.fleet());
    try {
      const client = await this.#database.get();
      await this.#options.databaseClock.read(client);
      await this.#sampleDatabase(client);
    } catch (error) {
      this.#options.outages.failed(error);
      await this.#database.drop();
      note(this.#options, 'WARNING', 'the database did not answer the probe');
    }
  }

  async close(): Promise<void> {
    this.#self.close();
    await Promise.all([this.#database.drop(), this.#locks.close()]);
  }

  #sampleMachine(): void {
    const all = cpus();
    const busyMs = all.reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0);
    this.#add('machine', 'cpus', all.length);
    this.#add('machine', 'cpu_s', busyMs / 1000);
    const own = process.cpuUsage();
    const processes = this.#options.processes();
    const stats = readProcessStats([...processes, ...this.#options.helpers()].map(({ pid }) => pid));
    const helpers = this.#sumOfHelpers(stats);
    this.#add('harness', 'cpu_s', (own.user + own.system) / 1e6 + helpers.cpuS);
    this.#add('harness', 'rss_bytes', process.memoryUsage.rss() + helpers.rssBytes);
    this.#addAll('harness', this.#self.read());
    const ports = portsInUse();
    if (ports) this.#addAll('machine', { ports_in_use: ports.inUse, ports: ports.all });
    for (const { name, pid } of processes) {
      const stat = stats.get(pid);
      if (!stat) continue;
      this.#add(name, 'cpu_s', stat.cpuS);
      this.#add(name, 'rss_bytes', stat.rssBytes);
    }
    const families = new Map(processes.map(({ name, pid }) => [name, stats.get(pid)?.pids ?? []]));
    for (const [name, waitedMs] of this.#cpuWaits.read(families)) this.#add(name, 'cpu_wait_ms', waitedMs);
  }

  /** The processor time of helpers that have died still counts. */
  #sumOfHelpers(stats: ReadonlyMap<number, ProcessStats>): Omit<ProcessStats, 'pids'> {
    let rssBytes = 0;
    for (const { pid } of this.#options.helpers()) {
      const stat = stats.get(pid);
      if (!stat) continue;
      this.#helpersCpuS.set(pid, stat.cpuS);
      rssBytes += stat.rssBytes;
    }
    const cpuS = [...this.#helpersCpuS.values()].reduce((all, one) => all + one, 0);
    return { cpuS, rssBytes };
  }

  async #sampleDatabase(client: pg.Client): Promise<void> {
    const { rows } = await client.query<Record<'deadlocks' | 'lock_waits' | 'connections' | 'born', string>>(`
      SELECT d.deadlocks,
             -- After the crash of one of its processes the server ends all but the first, and starts them again.
             coalesce((SELECT backend_start FROM pg_stat_activity WHERE backend_type = 'checkpointer'),
               pg_postmaster_start_time())::text AS born,
             (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()) AS connections,
             (SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock') AS lock_waits
        FROM pg_stat_database d WHERE d.datname = current_database()`);
    const [row] = rows;
    if (row) {
      this.#options.outages.answered(row.born);
      // A target has counted for as long as it has been up.
      this.#deadlocksBefore ??= Number(row.deadlocks);
      this.#deadlocks = Number(row.deadlocks) - this.#deadlocksBefore;
      this.#add('postgres', 'deadlocks', this.#deadlocks);
      for (const metric of ['lock_waits', 'connections'] as const) this.#add('postgres', metric, Number(row[metric]));
    }
    await this.#sampleBackfillChecks(client);
    await this.#noteBackends(client);
  }

  async #sampleBackfillChecks(client: pg.Client): Promise<void> {
    try {
      const { rows } = await client.query<{ calls: string }>(BACKFILL_CHECKS);
      this.#add('postgres', 'backfill_checks', Number(rows[0]?.calls ?? 0));
    } catch {
      // A target without pg_stat_statements: the judge then argues from how long a creation took.
    }
  }

  /** Deadlock records name pids; by then the backend may be gone. */
  async #noteBackends(client: pg.Client): Promise<void> {
    const { rows } = await client.query<{ pid: number; application_name: string }>(
      `SELECT pid, application_name FROM pg_stat_activity
        WHERE datname = current_database() AND backend_type = 'client backend'`,
    );
    for (const { pid, application_name } of rows) {
      if (this.#backends.get(pid) === application_name) continue;
      this.#backends.set(pid, application_name);
      this.#options.record.append('backends', { at_ms: roundMs(this.#options.clock.now()), pid, application_name });
    }
  }

  #addAll(source: string, values: Readonly<Partial<Record<SampleMetric, number>>>): void {
    for (const [metric, value] of Object.entries(values)) this.#add(source, metric as SampleMetric, value);
  }

  #add(source: string, metric: SampleMetric, value: number): void {
    const sample: Sample = { at_ms: roundMs(this.#options.clock.now()), source, metric, value };
    this.#options.record.append('samples', sample);
  }
}
