import path from 'node:path';
import type { Argv } from 'yargs';

import { collectUsageErrors } from '../console/usage-errors.ts';
import type { InvariantFile } from '../judge/invariant-file.ts';
import { UsageError } from '../model/errors.ts';
import type { Plan } from '../model/scenario.ts';
import type { EngineFlags } from '../model/soak.ts';
import { type EngineChoice, engineOptions, engineWords, resolveEngine } from '../run/engine.ts';
import { timeStamp } from '../run/manifest.ts';
import { OWN_INVARIANTS, ownInvariantsFor } from '../run/own-invariants.ts';
import { notWhole, type PlanFlags, planOptions, resolvePlan } from '../run/plan.ts';
import { type Subject, subjectOf } from '../run/subject.ts';
import { knownBuild } from '../stacks/start-build.ts';
import { defaultPair } from './default-pair.ts';
import { storedRuns } from './stored-runs.ts';

export interface CompareFlags extends PlanFlags, EngineFlags {
  readonly builds?: readonly string[] | undefined;
  readonly scenario: string;
  readonly runs: number;
  readonly aa?: boolean | undefined;
  readonly detect: string;
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
}

/** The run folders of each side. */
type StoredSides = { readonly stored: readonly (readonly string[])[] };

export interface SidesToRun {
  readonly subjects: readonly Subject[];
  /** Of the first round, as the first build can play it; each later one plays the next seed. */
  readonly plan: Plan;
  readonly engine: EngineChoice | undefined;
}

/** A letter each. */
const MOST_BUILDS = 26;

export function compareOptions(args: Argv): Argv<CompareFlags> {
  return engineOptions(planOptions(args))
    .positional('builds', {
      type: 'string',
      array: true,
      describe: 'Builds, or folders of stored runs; the first is the base of the comparison',
    })
    .option('scenario', { type: 'string', default: 'seeds', describe: 'A name from `list`, or a .ts file' })
    .option('runs', { type: 'number', default: 2, describe: 'Runs of each build, interleaved' })
    .option('aa', { type: 'boolean', describe: 'Compare the build with itself: any difference is a false alarm' })
    .option('detect', {
      type: 'string',
      default: '2x',
      describe: 'Compute the runs needed to detect a rate higher by this factor',
    })
    .options(OWN_INVARIANTS)
    .option('out', { type: 'string', describe: 'Folder for the comparison and its runs (default: one below runs/)' })
    .option('json', { type: 'boolean', describe: 'Print the comparison as one JSON document' }) as Argv<CompareFlags>;
}

/** Throws a UsageError that lists every problem of the flags. */
export async function resolveComparison(flags: CompareFlags, signal: AbortSignal): Promise<ComparisonPlan> {
  const [builds, engine, detect, own, , plan] = await collectUsageErrors(
    () => buildsOf(flags, signal),
    () => resolveEngine(flags, true),
    async () => factorOf(flags.detect),
    async (given = []) =>
      ownInvariantsFor(
        given.flatMap((one) => storedRuns(one) ?? []),
        flags.invariants,
      ),
    async () => checkRuns(flags.runs),
    async ([first = 'reference'] = []) =>
      storedRuns(first) ? undefined : resolvePlan(flags.scenario, flags, subjectOf({ build: first })),
  );
  const folder = path.resolve(flags.out ?? path.join('runs', `${timeStamp()}-compare`));
  if (plan) {
    return { detect, folder, own, sides: { subjects: builds.map((build) => subjectOf({ build })), plan, engine } };
  }
  const [word] = engineWords(flags);
  if (word !== undefined) throw new UsageError(`${word} is for new runs: stored runs have their engine.`);
  return { detect, folder, own, sides: { stored: builds.map((build) => storedRuns(build) ?? []) } };
}

/** The builds that are named, or the stored runs; without any, a pair is chosen. */
async function buildsOf({ builds = [], aa }: CompareFlags, signal: AbortSignal): Promise<readonly string[]> {
  const [first] = builds;
  if (aa === true) {
    if (first === undefined || builds.length > 1)
      throw new UsageError('--aa compares one build with itself: name that one.');
    if (storedRuns(first) !== undefined)
      throw new UsageError('--aa makes new runs of a build: name a build, not a stored run.');
    knownBuild(first);
    return [first, first];
  }
  if (first === undefined) {
    const { a, b } = await defaultPair((line) => console.error(line), signal);
    return [a, b];
  }
  if (builds.length === 1)
    throw new UsageError(
      `compare needs two builds or two stored runs: name one to compare ${first} with (--aa: with itself)`,
    );
  if (builds.length > MOST_BUILDS)
    throw new UsageError(`compare takes up to ${MOST_BUILDS} builds, not ${builds.length}.`);
  const one = builds.find((build) => storedRuns(build) !== undefined);
  const odd = builds.find((build) => storedRuns(build) === undefined);
  if (one !== undefined && odd !== undefined)
    throw new UsageError(`${one} is a stored run and ${odd} is not: compare builds, or stored runs.`);
  if (one === undefined) for (const build of builds) knownBuild(build);
  return builds;
}

/** `2x`, `1.5x` or a bare number above 1. */
function factorOf(text: string): number {
  const match = /^(\d+(?:\.\d+)?)x?$/i.exec(text.trim());
  const factor = Number(match?.[1]);
  if (!(factor > 1 && factor <= 100)) throw new UsageError(`--detect must be like 2x or 1.5x, above 1, not "${text}"`);
  return factor;
}

function checkRuns(runs: number): void {
  const [problem] = notWhole('runs', runs, 1, 100);
  if (problem !== undefined) throw new UsageError(problem);
}
