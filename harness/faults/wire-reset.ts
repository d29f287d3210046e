import type { Fault } from './fault.ts';
import { drawProcess } from './victims.ts';
import { noWires, wireOf } from './wires.ts';

/** As when a load balancer or a connection pooler before the database is restarted. */
export const wireReset: Fault = {
  name: 'wire-reset',
  describe: 'All database connections of one process break at once',
  lasts_ms: [500, 1_000],
  needsWires: true,
  unavailable: noWires,
  draw: (host, rng) => ({ victim: drawProcess(host.processes, rng), with: {} }),

  async inject({ stack }, { victim }) {
    const connections = wireOf(stack, victim).resetAll();
    // Nothing to undo: new connections work at once.
    return async () => `${connections} connections reset`;
  },
};
