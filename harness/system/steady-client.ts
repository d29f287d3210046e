import { setTimeout as sleep } from 'node:timers/promises';

import pg from 'pg';

const CONNECT_MS = 10_000;
const CLOSE_MS = 2_000;

/** A connection for readings that go on: one that broke is replaced at the next use. */
export class SteadyClient {
  readonly #options: pg.ClientConfig;
  #client: pg.Client | undefined;

  constructor(dsn: string, name: string, queryMs: number) {
    this.#options = {
      connectionString: dsn,
      application_name: name,
      connectionTimeoutMillis: CONNECT_MS,
      query_timeout: queryMs,
    };
  }

  /** Rejects when the database cannot be reached just now. */
  async get(): Promise<pg.Client> {
    if (this.#client) return this.#client;
    const client = new pg.Client(this.#options);
    // One that breaks shows as a failing query; without a listener it would end the process.
    client.on('error', () => undefined);
    await client.connect();
    this.#client = client;
    return client;
  }

  /** After a query that failed, and at the end. Never rejects: one that broke has nothing to say, or never answers. */
  async drop(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await Promise.race([client?.end().catch(() => undefined), sleep(CLOSE_MS, undefined, { ref: false })]);
  }
}
