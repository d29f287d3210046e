import { existsSync } from 'node:fs';
import path from 'node:path';

import { exploratory } from '../../workloads/exploratory.ts';
import { problemsOf } from '../../workloads/problems.ts';
import { scenario as backfills } from '../../workloads/scenarios/backfills.ts';
import { scenario as branches } from '../../workloads/scenarios/branches.ts';
import { scenario as crowd } from '../../workloads/scenarios/crowd.ts';
import { scenario as ha500 } from '../../workloads/scenarios/ha-500.ts';
import { scenario as mishaps } from '../../workloads/scenarios/mishaps.ts';
import { scenario as operators } from '../../workloads/scenarios/operators.ts';
import { scenario as plateau } from '../../workloads/scenarios/plateau.ts';
import { scenario as ramp } from '../../workloads/scenarios/ramp.ts';
import { scenario as restarts } from '../../workloads/scenarios/restarts.ts';
import { scenario as seeds } from '../../workloads/scenarios/seeds.ts';
import { scenario as storm } from '../../workloads/scenarios/storm.ts';
import { scenario as stuck } from '../../workloads/scenarios/stuck.ts';
import { scenario as wave } from '../../workloads/scenarios/wave.ts';
import { messageOf, UsageError } from '../model/errors.ts';
import type { Scenario } from '../model/scenario.ts';
import { KNOWN_RACES } from '../races/index.ts';
import { importTypeScript } from '../system/installation.ts';

/** Scenarios that are drawn: a different one for each seed. */
export const DRAWN: readonly { readonly name: string; readonly describe: string; draw(seed: number): Scenario }[] = [
  exploratory,
];

const GENERAL: readonly Scenario[] = [
  seeds,
  storm,
  branches,
  backfills,
  mishaps,
  crowd,
  stuck,
  ha500,
  wave,
  plateau,
  ramp,
  operators,
  restarts,
];

/** The scenarios that ship. A new one is a file and a line above; that of a race is in the file of the race. */
export const SCENARIOS: readonly Scenario[] = [
  ...GENERAL,
  ...KNOWN_RACES.flatMap(({ trial }) => (trial && !GENERAL.includes(trial.scenario) ? [trial.scenario] : [])),
];

/**
 * A scenario that ships, by name, or a user's own, by the path of its .ts or .mjs file. Throws a UsageError that lists
 * every problem of it.
 */
export async function findScenario(nameOrFile: string, seed: number): Promise<Scenario> {
  const shipped = SCENARIOS.find((scenario) => scenario.name === nameOrFile);
  if (shipped) return shipped;
  const drawn = DRAWN.find(({ name }) => name === nameOrFile);
  if (drawn) return drawn.draw(seed);
  if (!/\.(ts|mts|js|mjs)$/.test(nameOrFile)) {
    const names = [...SCENARIOS, ...DRAWN].map(({ name }) => name).join(', ');
    throw new UsageError(
      `There is no scenario "${nameOrFile}": choose one of ${names}, or give a .ts file that exports \`scenario\`.`,
    );
  }
  const file = path.resolve(nameOrFile);
  if (!existsSync(file)) throw new UsageError(`The scenario file ${nameOrFile} does not exist.`);
  let loaded: unknown;
  try {
    // Works in any folder, whatever module type its package.json declares.
    loaded = await importTypeScript(file);
  } catch (error) {
    throw new UsageError(`The scenario file ${nameOrFile} cannot be loaded: ${messageOf(error)}`, { cause: error });
  }
  const scenario = typeof loaded === 'object' && loaded !== null && 'scenario' in loaded ? loaded.scenario : undefined;
  const problems = problemsOf(scenario);
  if (problems.length > 0) {
    throw new UsageError(
      `The scenario file ${nameOrFile} has ${problems.length} problem(s):\n${problems.map((p) => `  - ${p}`).join('\n')}`,
    );
  }
  return scenario as Scenario;
}
