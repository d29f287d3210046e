import type { Fault } from './fault.ts';
import { drawStatement, impose, noWires, numberOf, patternOf } from './wires.ts';

/** A connection breaks when a statement is about to be sent on it: the transaction until then is rolled back. */
export const wireCut: Fault = {
  name: 'wire-cut',
  describe: "One process's connection breaks in mid-transaction, at an UPDATE or a row lock",
  lasts_ms: [2_000, 10_000],
  needsWires: true,
  unavailable: noWires,
  draw: (host, rng) => {
    const { victim, statement } = drawStatement(
      ['UPDATE task_instance', 'UPDATE dag_run', 'SELECT FOR UPDATE'],
      host,
      rng,
    );
    return { victim, with: { statement, most: Math.floor(rng.between(1, 5)) } };
  },
  inject: (site, planned) =>
    impose(site, planned, { do: 'cut', statement: patternOf(planned), most: numberOf(planned, 'most') }),
};
