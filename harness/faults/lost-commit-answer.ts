import type { Fault } from './fault.ts';
import { drawStatement, impose, noWires, numberOf, patternOf } from './wires.ts';

/**
 * A COMMIT is done, and the connection breaks before its answer arrives. Whoever tries again, the process or its own
 * client, does for a second time what has already happened.
 */
export const lostCommitAnswer: Fault = {
  name: 'lost-commit-answer',
  describe: "One process's connection breaks just after a COMMIT: it happened, and the process cannot know",
  lasts_ms: [2_000, 10_000],
  needsWires: true,
  unavailable: noWires,
  draw: (host, rng) => {
    const { victim, statement } = drawStatement(['end of a try', 'UPDATE task_instance', 'UPDATE dag_run'], host, rng);
    return { victim, with: { statement, most: Math.floor(rng.between(1, 5)) } };
  },
  inject: (site, planned) =>
    impose(site, planned, { do: 'lose-commit-answer', having: patternOf(planned), most: numberOf(planned, 'most') }),
};
