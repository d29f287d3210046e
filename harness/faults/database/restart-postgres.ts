import { untilItAnswers } from '../../system/postgres-client.ts';
import { send, stopPostgres } from '../../system/signals.ts';
import { type Fault, notOurs } from '../fault.ts';
import { processOf } from '../victims.ts';

const ANSWER_MS = 30_000;

/**
 * The database is shut down and started again, as for a minor upgrade or a failover: every connection is cut and every
 * open transaction rolled back; what was committed stays.
 */
export const restartPostgres: Fault = {
  name: 'restart-postgres',
  describe: 'PostgreSQL is shut down and started again seconds later on the same data',
  lasts_ms: [500, 6_000],
  cutsConnections: true,
  unavailable: notOurs,
  draw: () => ({ victim: 'postgres', with: {} }),

  async inject({ stack, hold, clock }) {
    const server = processOf(stack, 'postgres');
    const release = hold('postgres');
    const fromMs = clock.now();
    try {
      await stopPostgres(server);
    } catch (error) {
      // It did not shut down in time: after an immediate shutdown it recovers from its log when it is started again.
      send(server.pid, 'SIGQUIT');
      await server.ended;
      await release();
      throw error;
    }
    return async () => {
      await release();
      await untilItAnswers(stack.dsn, ANSWER_MS);
      return `it did not answer for ${((clock.now() - fromMs) / 1000).toFixed(1)} s`;
    };
  },
};
