import type { Fault } from './fault.ts';
import { drawStatement, impose, noWires, numberOf, patternOf } from './wires.ts';

/** A connection breaks before a COMMIT is sent. The process sees what it sees in `lost-commit-answer`; nothing happened. */
export const lostCommit: Fault = {
  name: 'lost-commit',
  describe: "One process's connection breaks just before a COMMIT: nothing happened, and the process cannot know",
  lasts_ms: [2_000, 10_000],
  needsWires: true,
  unavailable: noWires,
  draw: (host, rng) => {
    const { victim, statement } = drawStatement(['end of a try', 'UPDATE task_instance', 'UPDATE dag_run'], host, rng);
    return { victim, with: { statement, most: Math.floor(rng.between(1, 5)) } };
  },
  inject: (site, planned) =>
    impose(site, planned, { do: 'lose-commit', having: patternOf(planned), most: numberOf(planned, 'most') }),
};
