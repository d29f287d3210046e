import type { PlannedFault } from '../../model/scenario.ts';
import type { WireRule } from '../../model/wire.ts';
import { drawSeed, type Fault, numberOf } from '../fault.ts';
import { drawStatement, hitsOf, impose, noWires, patternOf, type StatementName } from './wires.ts';

/**
 * Some of a process's statements of one kind reach PostgreSQL late, as behind a slow network, a garbage collection or a
 * starved processor: what the process read before is old when they arrive, and what it locked stays locked.
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
    return { victim, with: { statement, ms, share: Math.round(rng.between(5, 50)) / 100, seed: drawSeed(rng) } };
  },
  inject: (site, planned) => {
    const ms = numberOf(planned, 'ms');
    return impose(site, planned, { do: 'delay', statement: patternOf(planned), ms, isHit: hitsOf(planned) });
  },
};

interface BreakingFault extends Pick<Fault, 'name' | 'describe'> {
  readonly statements: readonly StatementName[];
  rule(statement: RegExp, most: number): WireRule;
}

/** One process's connection breaks at a statement, one to five times in a window. */
function breakingFault({ name, describe, statements, rule }: BreakingFault): Fault {
  return {
    name,
    describe,
    lasts_ms: [2_000, 10_000],
    needsWires: true,
    cutsConnections: true,
    unavailable: noWires,
    draw: (host, rng) => {
      const { victim, statement } = drawStatement(statements, host, rng);
      return { victim, with: { statement, most: Math.floor(rng.between(1, 5)) } };
    },
    inject: (site, planned: PlannedFault) => impose(site, planned, rule(patternOf(planned), numberOf(planned, 'most'))),
  };
}

/** A connection breaks when a statement is about to be sent on it: the transaction until then is rolled back. */
export const wireCut = breakingFault({
  name: 'wire-cut',
  describe: "One process's connection breaks in mid-transaction, at an UPDATE or a row lock",
  statements: ['UPDATE task_instance', 'UPDATE dag_run', 'SELECT FOR UPDATE'],
  rule: (statement, most) => ({ do: 'cut', statement, most }),
});

/** The last statement of these transactions decides over tasks or runs. */
const COMMITTED: readonly StatementName[] = ['end of a try', 'UPDATE task_instance', 'UPDATE dag_run'];

/**
 * A connection breaks before a COMMIT is sent: nothing happened. The process sees the same as in `lost-commit-answer`.
 */
export const lostCommit = breakingFault({
  name: 'lost-commit',
  describe: "One process's connection breaks just before a COMMIT: nothing happened, and the process cannot know",
  statements: COMMITTED,
  rule: (having, most) => ({ do: 'lose-commit', having, most }),
});

/**
 * A COMMIT is done, and the connection breaks before its answer arrives. The process, or its own client, tries again
 * and repeats what has already happened.
 */
export const lostCommitAnswer = breakingFault({
  name: 'lost-commit-answer',
  describe: "One process's connection breaks just after a COMMIT: it happened, and the process cannot know",
  statements: COMMITTED,
  rule: (having, most) => ({ do: 'lose-commit-answer', having, most }),
});
