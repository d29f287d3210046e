import path from 'node:path';

import { shellWord } from '../../reports/commands.ts';
import type { Host } from '../faults/fault.ts';
import { type Build, isOfFiles, parseBuild } from '../model/build.ts';
import { messageOf, UsageError } from '../model/errors.ts';
import type { Manifest } from '../model/manifest.ts';
import type { DagSpec, Scenario } from '../model/scenario.ts';
import { type ManagedOptions, processNames } from '../stacks/managed.ts';
import { knownBuild } from '../stacks/start-build.ts';
import { allowsFaults, checkTarget } from '../stacks/target-file.ts';
import { flagNames } from './flag-words.ts';

/** What to run against: a build that we start, or the target file of a stack that is up. */
export type Subject = { readonly build: Build } | { readonly target: string };

export const DEFAULT_BUILD = 'airflow@3.3.2';

export interface SubjectFlags {
  readonly build?: string | undefined;
  readonly target?: string | undefined;
}

/** Throws a UsageError for both, and for a build that does not exist. */
export function subjectOf({ build, target }: SubjectFlags, usual = DEFAULT_BUILD): Subject {
  if (build !== undefined && target !== undefined) throw new UsageError('Give --build or --target, not both.');
  return target === undefined ? { build: knownBuild(build ?? usual) } : { target };
}

/**
 * What a stored run is repeated on. Its folder may be of unknown origin, and to install from a path is to run the code
 * that it names: a checkout, a wheel, a lock or a patch must be named on the command line. UsageError: it is not, or
 * the run was of a target.
 */
export function storedSubject(
  flags: SubjectFlags,
  { build, patches = [] }: Pick<Manifest, 'build' | 'patches'>,
  folder: string,
): Subject {
  if (flags.build !== undefined || flags.target !== undefined) return subjectOf(flags);
  const stored = parseBuild(build);
  if (!isOfFiles(stored)) return { build: knownBuild(build) };
  const version = stored.kind === 'airflow' ? stored.version : '';
  const again = [`airflow@${version}`, ...patches.map(({ file }) => path.join(folder, file))].join('+');
  throw new UsageError(
    `${folder} is of the build ${patches.length > 0 ? build : `at ${version}`}, and its code would be run: if you ` +
      `trust it, add --build ${shellWord(again)}.`,
  );
}

/** Flags of the stack, which a target has already. */
interface StackFlags extends SubjectFlags {
  readonly schedulers?: number | undefined;
  readonly apiServers?: number | undefined;
}

/** UsageError: what is wrong with the target file, and flags that have no effect, because its stack is up. */
export function checkTargetFlags({ target, schedulers, apiServers }: StackFlags): void {
  if (target === undefined) return;
  const idle = flagNames({ schedulers, 'api-servers': apiServers });
  const problems = idle.length === 0 ? [] : [`--target has its processes: leave out ${idle.join(' and ')}.`];
  try {
    checkTarget(target);
  } catch (error) {
    problems.push(messageOf(error));
  }
  if (problems.length > 0) throw new UsageError(problems.join('\n'));
}

/** UsageError: a scenario that can only be run on a stack of ours. */
export function checkTargetScenario(subject: Subject, scenario: Scenario): void {
  if ('build' in subject) return;
  const { name, pool_slots, pools, max_tis_per_query, dags } = scenario;
  const what = [
    ...(pool_slots === undefined ? [] : ['changes the slots of default_pool, which others of a target share']),
    ...(pools === undefined ? [] : ['makes pools, which would be left in a target']),
    ...(dags.some(makesAssets) ? ['makes assets, which no API of a target removes again'] : []),
    ...(max_tis_per_query === undefined ? [] : ['sets max_tis_per_query, which a target has set already']),
  ];
  if (what.length > 0)
    throw new UsageError(what.map((it) => `The scenario ${name} ${it}: run it with --build.`).join('\n'));
}

function makesAssets({ assets, tasks }: DagSpec): boolean {
  return assets !== undefined || tasks.some(({ outlets }) => outlets !== undefined);
}

/** As the command line names it. */
export function subjectName(subject: Subject): string {
  return 'build' in subject ? subject.build.name : subject.target;
}

/** What is known of the stack when the plan is drawn. */
export function hostOf(subject: Subject, scenario: Scenario): Host {
  const processes = 'build' in subject ? processNames(processesOf(scenario)) : [];
  const allowFaults = 'target' in subject && allowsFaults(subject.target);
  return { ours: 'build' in subject, allowFaults, processes, scenario };
}

/** What a stack of ours gets for a scenario: how many processes of which kind, and settings of its own. */
export function processesOf(
  scenario: Scenario,
): Pick<
  ManagedOptions,
  'schedulers' | 'apiServers' | 'triggerer' | 'queuedTimeoutS' | 'heartbeatTimeoutS' | 'maxTisPerQuery'
> {
  const { schedulers, api_servers, fleet, dags, queued_timeout_s, heartbeat_timeout_s, max_tis_per_query } = scenario;
  const tasks = dags.flatMap((dag) => dag.tasks);
  const triggerer = fleet.habits.defers > 0 || tasks.some(({ habits }) => (habits?.defers ?? 0) > 0);
  const settings = {
    ...(queued_timeout_s === undefined ? {} : { queuedTimeoutS: queued_timeout_s }),
    ...(heartbeat_timeout_s === undefined ? {} : { heartbeatTimeoutS: heartbeat_timeout_s }),
    ...(max_tis_per_query === undefined ? {} : { maxTisPerQuery: max_tis_per_query }),
  };
  return { schedulers, apiServers: api_servers, triggerer, ...settings };
}
