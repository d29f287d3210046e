import { existsSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { tsImport } from 'tsx/esm/api';

import { messageOf, UsageError } from '../harness/model/errors.ts';
import type { Scenario } from '../harness/model/scenario.ts';
import { exploratory } from './exploratory.ts';
import { problemsOf } from './problems.ts';
import { scenario as backfills } from './scenarios/backfills.ts';
import { scenario as branches } from './scenarios/branches.ts';
import { scenario as crowd } from './scenarios/crowd.ts';
import { scenario as ha500 } from './scenarios/ha-500.ts';
import { scenario as mishaps } from './scenarios/mishaps.ts';
import { scenario as operators } from './scenarios/operators.ts';
import { scenario as plateau } from './scenarios/plateau.ts';
import { RACES } from './scenarios/races.ts';
import { scenario as ramp } from './scenarios/ramp.ts';
import { scenario as restarts } from './scenarios/restarts.ts';
import { scenario as seeds } from './scenarios/seeds.ts';
import { scenario as storm } from './scenarios/storm.ts';
import { scenario as stuck } from './scenarios/stuck.ts';
import { scenario as wave } from './scenarios/wave.ts';

/** Scenarios that are another one for each seed. */
export const DRAWN: readonly { readonly name: string; readonly describe: string; draw(seed: number): Scenario }[] = [
  exploratory,
];

/** The scenarios that ship. A new one is a file and a line here. */
export const SCENARIOS: readonly Scenario[] = [
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
  ...RACES,
];

/** A scenario that ships, by name, or a user's own, by the path of its .ts or .mjs file. UsageError: all that is wrong with it. */
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
    // Wherever the file lies, and whatever the package.json above it says of its modules.
    loaded = await tsImport(pathToFileURL(file).href, import.meta.url);
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
