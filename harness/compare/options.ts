import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Argv } from 'yargs';

import { collectUsageErrors } from '../console/usage-errors.ts';
import { checkLimits } from '../judge/bounds.ts';
import type { InvariantFile } from '../judge/invariant-file.ts';
import type { KnownBaseline } from '../known/against.ts';
import { KNOWN_OPTION, knownOf } from '../known/options.ts';
import { messageOf, UsageError } from '../model/errors.ts';
import type { Plan } from '../model/scenario.ts';
import type { EngineFlags } from '../model/soak.ts';
import { checkRealWorkers, type EngineChoice, engineGiven, engineOptions, resolveEngine } from '../run/engine.ts';
import { flagNames } from '../run/flag-words.ts';
import { timeStamp } from '../run/manifest.ts';
import { OWN_INVARIANTS, ownInvariantsFor } from '../run/own-invariants.ts';
import { notWhole, type PlanFlags, planGiven, planOptions, resolvePlan } from '../run/plan.ts';
import { type Subject, subjectOf } from '../run/subject.ts';
import { checkNewFile, checkNewFolder } from '../run-folder/out.ts';
import { storedRuns } from '../run-folder/stored-runs.ts';
import { knownBuild } from '../stacks/start-build.ts';
import { MOST_RUNS } from '../statistics/power.ts';
import { plannedLooks } from '../statistics/spending.ts';
import { checkEnvironment } from '../system/environment.ts';
import { defaultPair } from './default-pair.ts';

export interface CompareFlags extends PlanFlags, EngineFlags {
  readonly builds?: readonly string[] | undefined;
  readonly scenario?: string | undefined;
  readonly runs?: number | undefined;
  readonly atMost?: number | undefined;
  readonly aa?: boolean | undefined;
  readonly detect: string;
  readonly known?: string | undefined;
  readonly out?: string | undefined;
  readonly json?: boolean | undefined;
}

/** What to compare: stored runs, or builds of which runs are made. */
export interface ComparisonPlan {
  readonly detect: number;
  /** Of the comparison and its runs. */
  readonly folder: string;
  readonly sides: StoredSides | SidesToRun;
  /** The user's own invariants. */
  readonly own: readonly InvariantFile[];
  readonly known: KnownBaseline | undefined;
}

/** The run folders of each side. */
type StoredSides = { readonly stored: readonly (readonly string[])[] };

export interface SidesToRun {
  readonly subjects: readonly Subject[];
  readonly scenario: string;
  /** After how many runs of each build it may end; after the last it does. */
  readonly looks: readonly number[];
  /** Of the first round, as the first build can play it; each later one plays the next seed. */
  readonly plan: Plan;
  readonly engine: EngineChoice | undefined;
}

/** Of new runs. No defaults of yargs: with stored runs neither may be given. */
const USUAL = { scenario: 'seeds', atMost: 3 } as const;

/** A letter each. */
const MOST_BUILDS = 26;

export function compareOptions(args: Argv): Argv<CompareFlags> {
  return engineOptions(planOptions(args))
    .positional('builds', {
      type: 'string',
      array: true,
      describe: 'Builds, or folders of stored runs; the first is the base of the comparison',
    })
    .option('scenario', {
      type: 'string',
      describe: `A name from \`list\`, or a .ts file (default: ${USUAL.scenario})`,
    })
    .option('runs', { type: 'number', describe: 'Make so many runs of each build, interleaved' })
    .option('at-most', {
      type: 'number',
      describe: `Make so many runs of each build, fewer once the answer is clear (default: ${USUAL.atMost})`,
    })
    .option('aa', { type: 'boolean', describe: 'Compare the build with itself: any difference is a false alarm' })
    .option('detect', {
      type: 'string',
      default: '2x',
      describe: 'Compute the runs needed to detect a rate higher by this factor',
    })
    .options(OWN_INVARIANTS)
    .options(KNOWN_OPTION)
    .option('out', { type: 'string', describe: 'Folder for the comparison and its runs (default: one below runs/)' })
    .option('json', { type: 'boolean', describe: 'Print the comparison as one JSON document' }) as Argv<CompareFlags>;
}

/** As `checkComparison`; where no build is named, a pair is chosen, which may have to be installed. */
export async function resolveComparison(flags: CompareFlags, signal: AbortSignal): Promise<ComparisonPlan> {
  const checked = await checkComparison(flags);
  if (flags.builds?.length || !('subjects' in checked.sides)) return checked;
  const { a, b } = await defaultPair((line) => console.error(line), signal);
  return { ...checked, sides: { ...checked.sides, subjects: [a, b].map((build) => subjectOf({ build })) } };
}

/** Throws a UsageError that lists every problem of the flags; starts and installs nothing. */
export async function checkComparison(flags: CompareFlags): Promise<ComparisonPlan> {
  const [builds, engine, detect, own, looks, plan, known] = await collectUsageErrors(
    async () => buildsOf(flags),
    () => resolveEngine(flags, true),
    async () => factorOf(flags.detect),
    async (given = []) =>
      ownInvariantsFor(
        given.flatMap((one) => storedRuns(one) ?? []),
        flags.invariants,
      ),
    async () => looksFor(flags),
    async ([first = 'reference'] = []) => {
      if (storedRuns(first)) return undefined;
      return resolvePlan(flags.scenario ?? USUAL.scenario, flags, subjectOf({ build: first }));
    },
    () => knownOf(flags.known),
    async () => checkLimits(),
    async () => checkEnvironment(),
    async ([first] = []) => checkOut(flags.out, first !== undefined && storedRuns(first) !== undefined),
    async ([first] = []) => {
      if (first !== undefined && storedRuns(first)) checkStoredFlags(flags);
    },
  );
  const folder = path.resolve(flags.out ?? path.join('runs', `${timeStamp()}-compare`));
  if (!plan) return { detect, folder, own, known, sides: { stored: builds.map((build) => storedRuns(build) ?? []) } };
  const scenario = flags.scenario ?? USUAL.scenario;
  const subjects = builds.map((build) => subjectOf({ build }));
  checkRealWorkers(engine, subjects);
  return { detect, folder, own, known, sides: { subjects, scenario, looks, plan, engine } };
}

/** Reports are written again into a folder that is there; runs need a new one. */
function checkOut(out: string | undefined, isStored: boolean): void {
  if (out === undefined) return;
  if (isStored) checkNewFile(path.join(out, 'compare.json'), 'comparison');
  else checkNewFolder(out, 'folder');
}

/** UsageError: flags that have no effect on stored runs. */
function checkStoredFlags(flags: CompareFlags): void {
  const { scenario, runs, atMost } = flags;
  const given = flagNames({ scenario, runs, 'at-most': atMost, ...planGiven(flags), ...engineGiven(flags) });
  if (given.length > 0) throw new UsageError(`Stored runs are compared as they are: leave out ${given.join(', ')}.`);
}

/** The builds that are named, or the stored runs; none if a pair is to be chosen. Of all that is wrong with them. */
function buildsOf({ builds = [], aa }: CompareFlags): readonly string[] {
  const [first] = builds;
  if (aa === true) {
    if (first === undefined || builds.length > 1)
      throw new UsageError('--aa compares one build with itself: name that one.');
    if (storedRuns(first) !== undefined)
      throw new UsageError('--aa makes new runs of a build: name a build, not a stored run.');
    const problems = problemsOfBuilds(builds);
    if (problems.length > 0) throw new UsageError(problems.join('\n'));
    return [first, first];
  }
  const one = builds.find((build) => storedRuns(build) !== undefined);
  const odd = builds.find((build) => storedRuns(build) === undefined);
  const problems = problemsOfBuilds(one === undefined ? builds : []);
  if (builds.length === 1)
    problems.push(`compare needs two builds or two stored runs: name one to compare ${first} with (--aa: with itself)`);
  if (builds.length > MOST_BUILDS) problems.push(`compare takes up to ${MOST_BUILDS} builds, not ${builds.length}.`);
  if (one !== undefined && odd !== undefined)
    problems.push(`${one} is a stored run and ${odd} is not: compare builds, or stored runs.`);
  if (problems.length > 0) throw new UsageError(problems.join('\n'));
  return builds;
}

/** A sentence for each word that is no build. */
function problemsOfBuilds(words: readonly string[]): string[] {
  return [...new Set(words)].flatMap((word) => {
    try {
      knownBuild(word);
      return [];
    } catch (error) {
      const isThere = existsSync(word);
      const isFolder = (word.includes('/') || isThere) && !word.startsWith('airflow@');
      const why = isThere ? 'no manifest.json is in it' : 'no such folder';
      return [isFolder ? `${word} is neither a stored run (${why}) nor a build.` : messageOf(error)];
    }
  });
}

/** `2x`, `1.5x` or a bare number above 1. */
function factorOf(text: string): number {
  const match = /^(\d+(?:\.\d+)?)x?$/i.exec(text.trim());
  const factor = Number(match?.[1]);
  if (!(factor > 1 && factor <= 100)) throw new UsageError(`--detect must be like 2x or 1.5x, above 1, not "${text}"`);
  return factor;
}

/** With `--runs` the only look is after the last run. */
function looksFor({ runs, atMost }: CompareFlags): readonly number[] {
  const most = runs ?? atMost ?? USUAL.atMost;
  const problems = notWhole(runs === undefined ? 'at-most' : 'runs', most, 1, MOST_RUNS);
  if (runs !== undefined && atMost !== undefined) {
    problems.push('--runs makes all of so many runs, --at-most only as many as it takes: give one of them.');
  }
  if (problems.length > 0) throw new UsageError(problems.join('\n'));
  return runs === undefined ? plannedLooks(most) : [runs];
}
