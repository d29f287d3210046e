import { existsSync } from 'node:fs';
import path from 'node:path';

import { exploratory } from '../../workloads/exploratory.ts';
import { problemsOf } from '../../workloads/problems.ts';
import { scenario as assets } from '../../workloads/scenarios/assets.ts';
import { scenario as backfills } from '../../workloads/scenarios/backfills.ts';
import { scenario as branches } from '../../workloads/scenarios/branches.ts';
import { scenario as crowd } from '../../workloads/scenarios/crowd.ts';
import { scenario as ha500 } from '../../workloads/scenarios/ha-500.ts';
import { scenario as lateFields } from '../../workloads/scenarios/late-fields.ts';
import { scenario as limits } from '../../workloads/scenarios/limits.ts';
import { scenario as manyDags } from '../../workloads/scenarios/many-dags.ts';
import { scenario as mishaps } from '../../workloads/scenarios/mishaps.ts';
import { scenario as night } from '../../workloads/scenarios/night.ts';
import { scenario as oldWorkers } from '../../workloads/scenarios/old-workers.ts';
import { scenario as operators } from '../../workloads/scenarios/operators.ts';
import { scenario as orphans } from '../../workloads/scenarios/orphans.ts';
import { scenario as plateau } from '../../workloads/scenarios/plateau.ts';
import { scenario as ramp } from '../../workloads/scenarios/ramp.ts';
import { scenario as restarts } from '../../workloads/scenarios/restarts.ts';
import { scenario as seeds } from '../../workloads/scenarios/seeds.ts';
import { scenario as storm } from '../../workloads/scenarios/storm.ts';
import { scenario as stormPatient } from '../../workloads/scenarios/storm-patient.ts';
import { scenario as stuck } from '../../workloads/scenarios/stuck.ts';
import { scenario as triggers } from '../../workloads/scenarios/triggers.ts';
import { scenario as wave } from '../../workloads/scenarios/wave.ts';
import { didYouMean } from '../model/closest.ts';
import { messageOf, UsageError } from '../model/errors.ts';
import { isRecord } from '../model/json.ts';
import type { Scenario } from '../model/scenario.ts';
import { KNOWN_RACES } from '../races/index.ts';
import { isFolder } from '../run-folder/files.ts';
import { importTypeScript } from '../system/installation.ts';

/** Scenarios that are drawn at random, a different one for each seed. */
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
  lateFields,
  orphans,
  stormPatient,
  manyDags,
  oldWorkers,
  assets,
  limits,
  triggers,
  night,
];

/** The scenarios that ship. A new one is a file and a line above; that of a race is in the file of the race. */
export const SCENARIOS: readonly Scenario[] = [
  ...GENERAL,
  ...KNOWN_RACES.flatMap(({ trial }) => (trial && !GENERAL.includes(trial.scenario) ? [trial.scenario] : [])),
];

/** A scenario as it was found: of a user's own file nothing is known yet. */
interface Found {
  readonly scenario: unknown;
  /** What it is called in messages. */
  readonly title: string;
}

/**
 * A scenario that ships, by name, or a user's own, by the path of its .ts or .mjs file. Throws a UsageError that lists
 * every problem of its shape.
 */
export async function findScenario(nameOrFile: string, seed: number): Promise<Scenario> {
  const { scenario, title } = await loadScenario(nameOrFile, seed);
  const problems = problemsOf(scenario);
  if (problems.length > 0) throw brokenScenario(title, problems);
  return scenario as Scenario;
}

/** All problems of a scenario, as one error. */
export function brokenScenario(title: string, problems: readonly string[]): UsageError {
  const said = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
  return new UsageError(`${title} has ${said}:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
}

/** The scenario of this name or file, not checked. UsageError: there is none. */
export async function loadScenario(nameOrFile: string, seed: number): Promise<Found> {
  const title = `The scenario ${nameOrFile}`;
  const shipped = SCENARIOS.find((scenario) => scenario.name === nameOrFile);
  if (shipped) return { scenario: shipped, title };
  const drawn = DRAWN.find(({ name }) => name === nameOrFile);
  if (drawn) return { scenario: drawn.draw(seed), title };
  if (!/\.(ts|mts|js|mjs)$/.test(nameOrFile)) throw noScenario(nameOrFile);
  const file = path.resolve(nameOrFile);
  if (!existsSync(file)) throw new UsageError(`The scenario file ${nameOrFile} does not exist.`);
  if (isFolder(file)) throw new UsageError(`The scenario file ${nameOrFile} is a folder.`);
  try {
    // Works in any folder, whatever module type its package.json declares.
    const loaded: unknown = await importTypeScript(file);
    const scenario = isRecord(loaded) && 'scenario' in loaded ? loaded.scenario : undefined;
    return { scenario, title: `The scenario file ${nameOrFile}` };
  } catch (error) {
    throw new UsageError(`The scenario file ${nameOrFile} cannot be loaded: ${messageOf(error)}`, { cause: error });
  }
}

function noScenario(word: string): UsageError {
  if (word.includes('/')) return new UsageError(`${word} is no scenario: one of your own is a .ts file.`);
  const names = [...SCENARIOS, ...DRAWN].map(({ name }) => name);
  return new UsageError(
    `There is no scenario "${word}"${didYouMean(word, names)}: choose one of ${names.join(', ')}, ` +
      'or give a .ts file that exports `scenario`.',
  );
}
