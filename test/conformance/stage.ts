import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import pLimit from 'p-limit';
import pg from 'pg';

import { Dispatcher } from '../../harness/handoff/dispatcher.ts';
import type { Workload } from '../../harness/handoff/workload.ts';
import { DagFolder } from '../../harness/stacks/dag-folder.ts';
import type { ManagedStack } from '../../harness/stacks/managed.ts';
import { mintPublicToken } from '../../harness/stacks/public-token.ts';
import { knownBuild, startBuild } from '../../harness/stacks/start-build.ts';
import { ProcessTable } from '../../harness/system/process-table.ts';
import { Http } from './http.ts';
import { type PlannedPlace, planStage, type Shape, type StagePlan } from './shapes.ts';

const DAGS_MS = 90_000;
const WORKLOADS_MS = 240_000;
const POLL_MS = 25;
/** A real API server makes a run in 0.1 to 0.2 s of its one core: more at once would only queue there. */
const TRIGGERS_AT_ONCE = 4;

export interface StageOptions {
  /** `airflow@3.3.2`, `reference`, `reference+DEFECT`. */
  readonly build: string;
  /** The shape that each dialogue wants, in their order. */
  readonly shapes: readonly Shape[];
  /** How many sequences the fuzzer may play. */
  readonly sequences: number;
  readonly signal: AbortSignal;
  progress(text: string): void;
}

/** Where a dialogue takes place: a DAG, and a run of it with root tasks that are QUEUED and handed over. */
export interface Place extends PlannedPlace {
  readonly workloads: ReadonlyMap<string, Workload>;
}

/**
 * A build that is up, with a place for each dialogue. After `endScheduling` nothing but the dialogues changes a row:
 * there is no scheduler any more that could be quicker or slower than on another stack.
 */
export class Stage {
  readonly stack: ManagedStack;
  readonly http: Http;
  readonly db: pg.Pool;
  readonly publicToken: string;
  readonly #dispatcher: Dispatcher;
  readonly #delivered: Map<string, Workload>;
  readonly #free: PlannedPlace[];
  readonly #close: (() => Promise<void>)[];

  private constructor(parts: Parts) {
    this.stack = parts.stack;
    this.http = parts.http;
    this.db = parts.db;
    this.publicToken = parts.publicToken;
    this.#dispatcher = parts.dispatcher;
    this.#delivered = parts.delivered;
    this.#free = [...parts.plan.places];
    this.#close = parts.close;
  }

  static async open(options: StageOptions): Promise<Stage> {
    const plan = planStage(options.shapes, options.sequences);
    const close: (() => Promise<void>)[] = [];
    try {
      const parts = await openParts(options, plan, close);
      const stage = new Stage({ ...parts, plan, close });
      options.progress(`waiting for ${plan.dags.length} DAGs`);
      await stage.#waitForDags(plan, options.signal);
      options.progress(`triggering runs for ${plan.places.length} places`);
      await stage.#trigger(plan);
      await stage.#waitForWorkloads(plan, options.signal);
      return stage;
    } catch (error) {
      await closeAll(close);
      throw error;
    }
  }

  /** The place that was planned for the next dialogue of that shape. */
  take(shape: Shape): Place {
    const at = this.#free.findIndex((place) => place.shape === shape);
    const [planned] = at < 0 ? [] : this.#free.splice(at, 1);
    if (!planned) throw new Error(`no place of shape ${shape} is left`);
    const workloads = new Map<string, Workload>();
    for (const [name, taskId] of planned.roots) {
      const workload = this.#delivered.get(keyOf(planned.dagId, planned.runId ?? '', taskId, 1));
      if (workload) workloads.set(name, workload);
    }
    return { ...planned, workloads };
  }

  get sequencesLeft(): number {
    return this.#free.filter(({ shape }) => shape === 'fuzz').length;
  }

  /** Reports to the scheduler that a try is over, so that it can hand over the next one, and waits for that. */
  async nextWorkload(ended: Workload, tryNumber: number): Promise<Workload> {
    const { dag_id, run_id, task_id, id } = ended.ti;
    const key = keyOf(dag_id, run_id, task_id, tryNumber);
    this.#delivered.delete(key);
    this.#dispatcher.end(id, 'success');
    const there = () => this.#delivered.get(key);
    await until(`try ${tryNumber} of ${dag_id}/${run_id}/${task_id}`, async () => there() !== undefined, WORKLOADS_MS);
    const next = there();
    if (!next) throw new Error('a workload went away');
    return next;
  }

  /** From here on the database belongs to the dialogues. Killed, so that it holds no lock and opens no transaction. */
  async endScheduling(): Promise<void> {
    for (const { name, pid, ended } of this.stack.processes) {
      if (!name.startsWith('scheduler') && name !== 'dag-processor') continue;
      process.kill(pid, 'SIGKILL');
      await ended;
    }
    const others = `SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'wt-scheduler%'`;
    await until('the end of scheduling', async () => (await this.db.query(others)).rowCount === 0, 30_000);
  }

  async close(): Promise<void> {
    await closeAll(this.#close);
  }

  async #waitForDags({ dags }: StagePlan, signal: AbortSignal): Promise<void> {
    const ids = dags.map(({ dag_id }) => dag_id);
    const sql = 'SELECT count(DISTINCT dag_id)::int AS n FROM serialized_dag WHERE dag_id = ANY($1)';
    await until('the DAGs', async () => (await this.db.query(sql, [ids])).rows[0]?.n === ids.length, DAGS_MS, signal);
  }

  async #trigger({ places }: StagePlan): Promise<void> {
    const runs = new Map(places.map(({ dagId, runId }) => [`${dagId}/${runId}`, { dagId, runId }]));
    const limit = pLimit(TRIGGERS_AT_ONCE);
    await limit.map(runs.values(), async ({ dagId, runId }) => {
      if (runId === undefined) return;
      const answer = await this.http.send({
        route: 'trigger',
        api: 'public',
        method: 'POST',
        path: `/api/v2/dags/${dagId}/dagRuns`,
        body: { dag_run_id: runId, logical_date: null },
        token: this.publicToken,
      });
      if (answer.status !== 200)
        throw new Error(`${dagId}/${runId} was not triggered: ${answer.status} ${JSON.stringify(answer.body)}`);
    });
  }

  async #waitForWorkloads({ places }: StagePlan, signal: AbortSignal): Promise<void> {
    const missing = () =>
      places.filter(
        ({ dagId, runId, roots }) =>
          runId !== undefined && [...roots.values()].some((task) => !this.#delivered.has(keyOf(dagId, runId, task, 1))),
      );
    await until('all workloads', async () => missing().length === 0, WORKLOADS_MS, signal).catch((error: unknown) => {
      throw new Error(`${missing().length} of ${places.length} places have not all of their workloads`, {
        cause: error,
      });
    });
  }
}

interface Parts {
  readonly stack: ManagedStack;
  readonly http: Http;
  readonly db: pg.Pool;
  readonly publicToken: string;
  readonly dispatcher: Dispatcher;
  readonly delivered: Map<string, Workload>;
  readonly plan: StagePlan;
  readonly close: (() => Promise<void>)[];
}

async function openParts(
  { build, progress, signal }: StageOptions,
  { dags }: StagePlan,
  close: (() => Promise<void>)[],
): Promise<Omit<Parts, 'plan' | 'close'>> {
  const logs = mkdtempSync(path.join(os.tmpdir(), 'wt-conformance-'));
  close.push(async () => rmSync(logs, { recursive: true, force: true }));
  const table = new ProcessTable(randomBytes(3).toString('hex'));
  close.push(() => table.close());
  const stack = await startBuild(knownBuild(build), {
    schedulers: 1,
    apiServers: 1,
    triggerer: false,
    table,
    logOf: (name) => path.join(logs, `${name}.log`),
    // The dialogues without a token were recorded so.
    settings: { AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS: 'True' },
    progress,
    signal,
  });
  await stack.ready;
  const delivered = new Map<string, Workload>();
  const dispatcher = await Dispatcher.listen({
    address: stack.handOffAddress,
    onWorkload: (workload) => {
      const { dag_id, run_id, task_id, try_number } = workload.ti;
      delivered.set(keyOf(dag_id, run_id, task_id, try_number), workload);
    },
  });
  close.push(() => dispatcher.close());
  await new DagFolder(stack.dagsFolder, dags).publish();
  const db = new pg.Pool({
    connectionString: stack.dsn,
    application_name: 'wt-conformance',
    query_timeout: 30_000,
    max: 4,
  });
  // The server goes away under it when the stage is closed.
  db.on('error', () => undefined);
  close.push(() => db.end());
  const [executionUrl = ''] = stack.executionUrls;
  const http = new Http(executionUrl, stack.publicUrl);
  close.push(() => http.close());
  return { stack, http, db, dispatcher, delivered, publicToken: await mintPublicToken(stack.secret, 'Anonymous') };
}

function keyOf(dagId: string, runId: string, taskId: string, tryNumber: number): string {
  return `${dagId}/${runId}/${taskId}/${tryNumber}`;
}

async function closeAll(close: (() => Promise<void>)[]): Promise<void> {
  // The last that was opened first; what fails to close must not keep the others open.
  for (const one of close.splice(0).reverse()) await one().catch(() => undefined);
}

async function until(
  what: string,
  condition: () => Promise<boolean>,
  withinMs: number,
  signal?: AbortSignal,
): Promise<void> {
  for (const deadline = Date.now() + withinMs; !(await condition()); ) {
    signal?.throwIfAborted();
    if (Date.now() > deadline) throw new Error(`waited ${withinMs / 1000} s for ${what}`);
    await sleep(POLL_MS);
  }
}
