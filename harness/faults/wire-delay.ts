import type { Fault } from './fault.ts';
import { drawLuck, drawStatement, impose, luckOf, noWires, numberOf, patternOf } from './wires.ts';

/**
 * Some of a process's statements of one kind reach PostgreSQL late, as behind a slow network, a garbage collection or a
 * starved processor: whatever was read before them is old when they arrive, and what was locked stays locked.
 */
export const wireDelay: Fault = {
  name: 'wire-delay',
  describe: "Some of one process's UPDATEs, row locks or COMMITs reach the database seconds late",
  lasts_ms: [4_000, 15_000],
  needsWires: true,
  unavailable: noWires,
  draw: (host, rng) => {
    const { victim, statement } = drawStatement(
      ['UPDATE task_instance', 'UPDATE dag_run', 'SELECT FOR UPDATE', 'COMMIT'],
      host,
      rng,
    );
    const ms = Math.round(rng.between(200, 4_000));
    return { victim, with: { statement, ms, share: Math.round(rng.between(5, 50)) / 100, luck: drawLuck(rng) } };
  },
  inject: (site, planned) => {
    const ms = numberOf(planned, 'ms');
    return impose(site, planned, { do: 'delay', statement: patternOf(planned), ms, isHit: luckOf(planned) });
  },
};
