import { setTimeout as sleep } from 'node:timers/promises';

import type pg from 'pg';

import { withClient } from '../../system/postgres-client.ts';
import { type Fault, notAllowed } from '../fault.ts';
import { BACKENDS_OF, drawClient } from './backends.ts';

/** How long to wait for a backend in the middle of a transaction that has written: transactions last milliseconds. */
const LOOK_MS = 3_000;
const LOOK_EVERY_MS = 5;
const STATEMENT_LENGTH = 160;

interface Backend {
  readonly pid: number;
  readonly state: string;
  readonly query: string;
  readonly transaction_ms: number;
  readonly writes: boolean;
}

/** `pg_terminate_backend` of one connection of a process, as an administrator or a failing network does. */
export const killBackend: Fault = {
  name: 'kill-backend',
  describe: 'The database cuts one connection of a process, in the middle of a transaction that holds locks if it can',
  lasts_ms: [500, 1_500],
  cutsConnections: true,
  unavailable: notAllowed,
  draw: (host, rng) => ({ victim: drawClient(host, rng), with: {} }),

  async inject({ stack, clock }, { victim }) {
    const cut = await withClient(stack.dsn, async (client) => {
      for (const until = clock.now() + LOOK_MS; clock.now() < until; await sleep(LOOK_EVERY_MS)) {
        const backend = await cutOne(client, victim, `writes AND state IN ('active', 'idle in transaction')`);
        if (backend) return backend;
      }
      return (await cutOne(client, victim, 'transaction_ms > 0')) ?? (await cutOne(client, victim, 'true'));
    });
    if (!cut) throw new Error(`${victim} has no connection to the database that could be cut`);
    return async () => detailOf(cut);
  },
};

/** As when a connection pooler in front of the process is restarted. */
export const terminateConnections: Fault = {
  name: 'terminate-connections',
  describe: 'The database cuts every connection of one process at once',
  lasts_ms: [500, 1_500],
  cutsConnections: true,
  unavailable: notAllowed,
  draw: (host, rng) => ({ victim: drawClient(host, rng), with: {} }),

  async inject({ stack }, { victim }) {
    const [row] = await withClient(stack.dsn, async (client) => {
      const { rows } = await client.query<{ cut: string; busy: string }>(
        `WITH backends AS MATERIALIZED (${BACKENDS_OF})
         SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) AS cut,
                count(*) FILTER (WHERE transaction_ms > 0) AS busy
           FROM backends`,
        [`wt-${victim}`],
      );
      return rows;
    });
    return async () => `${row?.cut ?? 0} connections were cut, ${row?.busy ?? 0} of them in a transaction`;
  },
};

/** Finds and cuts in one statement: the transaction that was seen a moment ago may have ended. */
async function cutOne(client: pg.Client, victim: string, which: string): Promise<Backend | undefined> {
  const { rows } = await client.query<Backend>(
    `WITH backends AS MATERIALIZED (${BACKENDS_OF}),
       chosen AS MATERIALIZED (SELECT * FROM backends WHERE ${which} ORDER BY random() LIMIT 1)
     SELECT *, pg_terminate_backend(pid) FROM chosen`,
    [`wt-${victim}`],
  );
  return rows[0];
}

function detailOf({ pid, state, query, transaction_ms, writes }: Backend): string {
  const statement = query.replace(/\s+/g, ' ').trim().slice(0, STATEMENT_LENGTH);
  const since = transaction_ms > 0 ? `, ${Math.round(transaction_ms)} ms into its transaction` : '';
  const locks = writes ? ', holding the locks of what it had written' : '';
  return `backend ${pid} was cut: ${state}${since}${locks}: «${statement}»`;
}
