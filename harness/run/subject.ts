import path from 'node:path';

import { shellWord } from '../../reports/commands.ts';
import type { Host } from '../faults/fault.ts';
import { type Build, isOfFiles, parseBuild } from '../model/build.ts';
import { messageOf, UsageError } from '../model/errors.ts';
import type { Manifest } from '../model/manifest.ts';
import type { Scenario } from '../model/scenario.ts';
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
export function checkTargetScenario(subject: Subject, { name, pool_slots, dags }: Scenario): void {
  if ('build' in subject) return;
  const has: string[] = [];
  if (pool_slots !== undefined) has.push('changes the slots of default_pool, which others of a target share');
  if (dags.some(({ assets, tasks }) => assets ?? tasks.some(({ outlets }) => outlets !== undefined)))
    has.push('makes assets, which no API of a target removes again');
  if (has.length > 0) throw new UsageError(`The scenario ${name} ${has.join(', and ')}: run it with --build.`);
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

/** What a stack of ours gets for a scenario: how many processes of which kind, and times of its own. */
export function processesOf(
  scenario: Scenario,
): Pick<ManagedOptions, 'schedulers' | 'apiServers' | 'triggerer' | 'queuedTimeoutS' | 'heartbeatTimeoutS'> {
  const { schedulers, api_servers, fleet, dags, queued_timeout_s, heartbeat_timeout_s } = scenario;
  const tasks = dags.flatMap((dag) => dag.tasks);
  const triggerer = fleet.habits.defers > 0 || tasks.some(({ habits }) => (habits?.defers ?? 0) > 0);
  const times = {
    ...(queued_timeout_s === undefined ? {} : { queuedTimeoutS: queued_timeout_s }),
    ...(heartbeat_timeout_s === undefined ? {} : { heartbeatTimeoutS: heartbeat_timeout_s }),
  };
  return { schedulers, apiServers: api_servers, triggerer, ...times };
}
