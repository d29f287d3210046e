import { Rng } from '../harness/model/rng.ts';
import type { Scenario } from '../harness/model/scenario.ts';
import { scenario as backfills } from './scenarios/backfills.ts';
import { scenario as branches } from './scenarios/branches.ts';
import { scenario as crowd } from './scenarios/crowd.ts';
import { scenario as mishaps } from './scenarios/mishaps.ts';
import { scenario as seeds } from './scenarios/seeds.ts';
import { scenario as storm } from './scenarios/storm.ts';
import { scenario as stuck } from './scenarios/stuck.ts';

/** The scenarios to draw from, with weights: those with much activity of every kind come up most. */
const WEIGHTS: readonly (readonly [Scenario, number])[] = [
  [mishaps, 3],
  [crowd, 4],
  [seeds, 3],
  [branches, 2],
  [storm, 1],
  [backfills, 1],
  [stuck, 1],
];

const BAG: readonly [Scenario, ...Scenario[]] = [
  mishaps,
  ...WEIGHTS.flatMap(([scenario, weight]) => Array.from({ length: weight }, () => scenario)),
];

/** The scenario that a seed draws, as it is without faults and with what it aims at. */
export function drawnLoad(seed: number): Scenario {
  return generatorOf(seed).pick(BAG);
}

function generatorOf(seed: number): Rng {
  return new Rng(seed, 'exploratory');
}

/** For races without a name yet: any load, any faults, two at once. */
export const exploratory = {
  name: 'exploratory',
  describe:
    'A different load and different faults for each seed: a scenario drawn by weight, and any two faults at a time',

  draw(seed: number): Scenario {
    const rng = generatorOf(seed);
    const base = rng.pick(BAG);
    return {
      ...base,
      name: 'exploratory',
      describe: `${base.name} with faults`,
      schedulers: rng.pick([1, 2, 2, 3]),
      chaos: { faults: 'all', pause_ms: [1_000, 6_000], at_once: 2 },
      // None: an invariant that the drawn load does not exercise must not make the verdict unknown.
      aims: [],
    };
  },
};
