import type { AddressInfo } from 'node:net';

import type { FastifyInstance } from 'fastify';
import type pg from 'pg';
import { beforeAll } from 'vitest';

import type { Behaviour } from '../behaviour.ts';
import { openPool } from '../database/connect.ts';
import { testDatabase } from '../database/test-database.ts';
import { normal } from '../normal.ts';
import { addRun, dagOf, parseDag, SECRET, setTask, settingsFor } from '../scheduler/test-scheduler.ts';
import { executionEndpoints } from './execution/app.ts';
import { mount, newServer } from './http.ts';
import { mountPublic } from './public/app.ts';
import { secondsNow, Tokens } from './tokens.ts';

export const WORKER = { hostname: 'w-1', pid: 17 } as const;
const START = { state: 'running', unixname: 'sim', ...WORKER } as const;
export const BEGIN = '2026-11-21T10:00:00Z';
export const END = '2026-11-21T10:00:05Z';

export interface Got {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers: Headers;
}

interface Sent {
  readonly body?: unknown;
  /** As it is, instead of JSON. */
  readonly raw?: string;
  /** Null: no token. */
  readonly token?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Both API servers on sockets of their own, with a database that a test looks into. */
export class TestApi {
  readonly pool: pg.Pool;
  readonly #apps: readonly FastifyInstance[];
  readonly #execution: string;
  readonly #public: string;
  readonly #tokens = new Tokens({ secret: SECRET, audience: 'urn:airflow.apache.org:task', required: [] });

  private constructor(pool: pg.Pool, apps: readonly FastifyInstance[], ports: readonly [number, number]) {
    this.pool = pool;
    this.#apps = apps;
    this.#execution = `http://127.0.0.1:${ports[0]}/execution`;
    this.#public = `http://127.0.0.1:${ports[1]}`;
  }

  static async start(dsn: string, changes: Partial<Behaviour> = {}): Promise<TestApi> {
    const settings = settingsFor(dsn, 'api-1');
    const pool = openPool(settings, 20);
    const api = { pool, behaviour: { ...normal, ...changes } };
    const execution = newServer();
    mount(execution, executionEndpoints(api, settings));
    const users = newServer();
    mountPublic(users, api, settings);
    const ports = await Promise.all([portOf(execution), portOf(users)]);
    return new TestApi(pool, [execution, users], ports);
  }

  get executionUrl(): string {
    return this.#execution;
  }

  async close(): Promise<void> {
    await Promise.all(this.#apps.map((app) => app.close()));
    await this.pool.end();
  }

  /** Creates a DAG with these tasks and a manual run of it, and returns the id of the run. */
  async run(dagId: string, tasks: Parameters<typeof dagOf>[1] = [{ task_id: 'a', upstream: [] }]): Promise<string> {
    await parseDag(this.pool, dagOf(dagId, tasks));
    await addRun(this.pool, dagId, `${dagId}-run`);
    return `${dagId}-run`;
  }

  /** The id of a task instance that a scheduler has queued. */
  async queued(runId: string, task = 'a'): Promise<string> {
    await setTask(this.pool, runId, task, { state: 'queued', try_number: 1 });
    return this.idOf(runId, task);
  }

  /** The id of a task instance that WORKER has started. */
  async started(runId: string, task = 'a'): Promise<string> {
    const id = await this.queued(runId, task);
    await this.start(id);
    return id;
  }

  start(id: string, more: Readonly<Record<string, unknown>> = {}): Promise<Got> {
    return this.worker('PATCH', `/task-instances/${id}/run`, { body: { ...START, start_date: BEGIN, ...more } });
  }

  end(id: string, state: string, more: Readonly<Record<string, unknown>> = {}): Promise<Got> {
    return this.worker('PATCH', `/task-instances/${id}/state`, { body: { state, end_date: END, ...more } });
  }

  beat(id: string, worker: Readonly<Record<string, unknown>> = WORKER): Promise<Got> {
    return this.worker('PUT', `/task-instances/${id}/heartbeat`, { body: worker });
  }

  /** A worker's request; its token is that of the task instance in the path. */
  async worker(method: string, path: string, sent: Sent = {}): Promise<Got> {
    const [, , id = ''] = path.split('/');
    const token = sent.token === undefined ? await this.token(id) : sent.token;
    return exchange(method, `${this.#execution}${path}`, { ...sent, token });
  }

  user(method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Got> {
    return exchange(method, `${this.#public}${path}`, {
      token: null,
      headers,
      ...(body === undefined ? {} : { body }),
    });
  }

  token(sub: string, claims: Readonly<Record<string, unknown>> = {}): Promise<string> {
    const now = secondsNow();
    return this.#tokens.issue({ sub, iat: now, nbf: now, exp: now + 600, ...claims });
  }

  async idOf(runId: string, task = 'a'): Promise<string> {
    return String((await this.row(runId, task)).id);
  }

  async row(runId: string, task = 'a'): Promise<Record<string, unknown>> {
    const { rows } = await this.pool.query<Record<string, unknown>>(
      'SELECT * FROM task_instance WHERE run_id = $1 AND task_id = $2',
      [runId, task],
    );
    return rows[0] ?? {};
  }
}

/** Hooks that give a test file a database of its own with both API servers. `given` is called before the first test. */
export function onApi(given: (api: TestApi, dsn: string) => void): void {
  beforeAll(async () => {
    const database = await testDatabase();
    const api = await TestApi.start(database.dsn);
    given(api, database.dsn);
    return async () => {
      await api.close();
      await database.close();
    };
  });
}

async function portOf(app: FastifyInstance): Promise<number> {
  await app.listen({ host: '127.0.0.1', port: 0 });
  return (app.server.address() as AddressInfo).port;
}

async function exchange(method: string, url: string, sent: Sent): Promise<Got> {
  const body = sent.raw ?? (sent.body === undefined ? undefined : JSON.stringify(sent.body));
  const response = await fetch(url, {
    method,
    headers: {
      'content-type': 'application/json',
      ...(sent.token === null ? {} : { authorization: `Bearer ${sent.token}` }),
      ...sent.headers,
    },
    ...(body === undefined ? {} : { body }),
    redirect: 'manual',
    signal: AbortSignal.timeout(20_000),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? {} : JSON.parse(text), headers: response.headers };
}
