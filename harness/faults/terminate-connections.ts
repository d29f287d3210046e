import { withClient } from '../system/postgres-client.ts';
import { BACKENDS_OF, drawClient } from './database.ts';
import { type Fault, notAllowed } from './fault.ts';

/** All connections of one process are cut at once, as when a connection pooler in front of it is restarted. */
export const terminateConnections: Fault = {
  name: 'terminate-connections',
  describe: 'The database cuts every connection of one process at once',
  lasts_ms: [500, 1_500],
  unavailable: notAllowed,
  draw: (host, rng) => ({ victim: drawClient(host, rng), with: {} }),

  async inject({ stack }, { victim }) {
    const [row] = await withClient(stack.dsn, async (client) => {
      const { rows } = await client.query<{ cut: string; busy: string }>(
        `WITH backends AS MATERIALIZED (${BACKENDS_OF})
         SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) AS cut, count(*) FILTER (WHERE transaction_ms > 0) AS busy
           FROM backends`,
        [`wt-${victim}`],
      );
      return rows;
    });
    return async () => `${row?.cut ?? 0} connections were cut, ${row?.busy ?? 0} of them in a transaction`;
  },
};
