import { type Fault, numberOf } from '../fault.ts';
import { drawProcess } from '../victims.ts';
import { noWires, wireOf } from './wires.ts';

/** As with a database in another zone or region: a scheduler's loop of hundreds of statements takes many seconds. */
export const wireLatency: Fault = {
  name: 'wire-latency',
  describe: 'All traffic between one process and the database is delayed by 2 to 40 ms, each way',
  lasts_ms: [5_000, 20_000],
  needsWires: true,
  unavailable: noWires,
  draw: (host, rng) => ({
    victim: drawProcess(host.processes, rng),
    with: { ms: Math.round(rng.between(2, 40)) },
  }),

  async inject({ stack }, planned) {
    const wire = wireOf(stack, planned.victim);
    const handle = wire.add({ do: 'latency', ms: numberOf(planned, 'ms') });
    return async () => {
      handle.remove();
      return `on ${wire.connections} connections at its end`;
    };
  },
};

/** As when a load balancer or a connection pooler in front of the database is restarted. */
export const wireReset: Fault = {
  name: 'wire-reset',
  describe: 'All database connections of one process break at once',
  lasts_ms: [500, 1_000],
  needsWires: true,
  cutsConnections: true,
  unavailable: noWires,
  draw: (host, rng) => ({ victim: drawProcess(host.processes, rng), with: {} }),

  async inject({ stack }, { victim }) {
    const connections = wireOf(stack, victim).resetAll();
    // Nothing to undo: new connections work at once.
    return async () => `${connections} connections reset`;
  },
};
