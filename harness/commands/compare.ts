import path from 'node:path';
import { comparisonText } from '../../reports/terminal/comparison.ts';
import { writeComparison } from '../../reports/write.ts';
import { compareBuilds } from '../compare/compare.ts';
import { defaultPair } from '../compare/default-pair.ts';
import { storedRuns } from '../compare/stored-runs.ts';
import type { CliCommand } from '../console/command.ts';
import { exitCodeOfVerdict } from '../console/exit-code.ts';
import { interruptSignal } from '../console/interrupt.ts';
import { wantsColor } from '../console/judgement.ts';
import { Progress } from '../console/progress.ts';
import { collectUsageErrors } from '../console/usage-errors.ts';
import type { EngineFlags } from '../model/engine-flags.ts';
import { UsageError } from '../model/errors.ts';
import type { Plan } from '../model/scenario.ts';
import type { Judgement } from '../model/verdict.ts';
import { type EngineChoice, engineOptions, engineWords, resolveEngine } from '../run/engine.ts';
import { timeStamp } from '../run/manifest.ts';
import { type PlanFlags, planOptions, resolvePlan } from '../run/plan.ts';
import { judgeRunFolder, runScenario } from '../run/run.ts';
import { knownBuild } from '../stacks/start-build.ts';

interface CompareFlags extends PlanFlags, EngineFlags {
  readonly builds?: readonly string[] | undefined;
  readonly scenario: string;
  readonly runs: number;
  readonly aa?: boolean | undefined;
  readonly detect: string;
  readonly out?: string | undefined;
  readonly json?: boolean | undefined;
}

export const compareCommand: CliCommand<CompareFlags> = {
  builder: (args) =>
    engineOptions(planOptions(args))
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
      .option('out', { type: 'string', describe: 'Folder for the comparison and its runs (default: one below runs/)' })
      .option('json', { type: 'boolean', describe: 'Print the comparison as one JSON document' }),

  async handler(flags) {
    const detect = factorOf(flags.detect);
    const folder = path.resolve(flags.out ?? path.join('runs', `${timeStamp()}-compare`));
    const signal = interruptSignal();
    const [builds, engine, , plan] = await collectUsageErrors(
      () => buildsOf(flags, signal),
      () => resolveEngine(flags, true),
      async () => checkRuns(flags.runs),
      async (given = ['reference']) => (given.some(storedRuns) ? undefined : planOf(flags, given, flags.seed)),
    );
    const stored = builds.map(storedRuns);
    const known = stored.filter((runs) => runs !== undefined);
    const odd = builds.find((_, index) => stored[index] === undefined);
    if (known.length > 0 && odd !== undefined) {
      const one = builds[stored.findIndex((runs) => runs !== undefined)];
      throw new UsageError(`${one} is a stored run and ${odd} is not: compare builds, or stored runs.`);
    }
    const [word] = engineWords(flags);
    if (known.length > 0 && word !== undefined)
      throw new UsageError(`${word} is for new runs: stored runs have their engine.`);
    const sides = plan ? await runAll(builds, flags, { plan, engine, folder, signal }) : await judgeStored(known);
    const comparison = compareBuilds(sides, { detect });
    await writeComparison(folder, comparison);
    if (flags.json) process.stdout.write(`${JSON.stringify(comparison, null, 2)}\n`);
    else process.stdout.write(`${comparisonText(comparison, { color: wantsColor(), folder })}\n`);
    return exitCodeOfVerdict(comparison.verdict);
  },
};

/** The builds that are named; without any, a pair is chosen. */
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
  if (!builds.some(storedRuns)) for (const build of builds) knownBuild(build);
  return builds;
}

/** A letter each. */
const MOST_BUILDS = 26;

/** `2x`, `1.5x` or a bare number above 1. */
function factorOf(text: string): number {
  const match = /^(\d+(?:\.\d+)?)x?$/i.exec(text.trim());
  const factor = Number(match?.[1]);
  if (!(factor > 1 && factor <= 100)) throw new UsageError(`--detect must be like 2x or 1.5x, above 1, not "${text}"`);
  return factor;
}

async function judgeStored(sides: readonly (readonly string[])[]): Promise<Judgement[][]> {
  const judged: Judgement[][] = [];
  for (const folders of sides) {
    const side: Judgement[] = [];
    for (const folder of folders) side.push(await judgeRunFolder(folder));
    judged.push(side);
  }
  return judged;
}

function checkRuns(runs: number): void {
  if (!(Number.isInteger(runs) && runs >= 1 && runs <= 100))
    throw new UsageError(`--runs must be a whole number from 1 to 100, not ${runs}`);
}

/** As the first build can play it. */
function planOf(flags: CompareFlags, [first = '']: readonly string[], seed: number | undefined): Promise<Plan> {
  return resolvePlan(flags.scenario, { ...flags, seed }, { build: first });
}

interface ToRun {
  /** Of the first round; each later one plays the next seed. */
  readonly plan: Plan;
  readonly engine: EngineChoice | undefined;
  readonly folder: string;
  readonly signal: AbortSignal;
}

/** A B, then B A, and so on: a drift over time affects all sides alike. All sides have the same seeds. */
async function runAll(
  builds: readonly string[],
  flags: CompareFlags,
  { plan: first, engine, folder, signal }: ToRun,
): Promise<readonly (readonly Judgement[])[]> {
  const sides = builds.map((build, index) => ({
    build,
    letter: String.fromCharCode(97 + index),
    runs: [] as Judgement[],
  }));
  for (let round = 0; round < flags.runs; round++) {
    const plan = round === 0 ? first : await planOf(flags, builds, first.seed + round);
    for (const { build, letter, runs } of round % 2 === 0 ? sides : sides.toReversed()) {
      const label = `${build} (run ${round + 1} of ${flags.runs})`;
      const progress = new Progress(label, plan.scenario.duration_s);
      const out = path.join(folder, `${letter}-${round + 1}`);
      const faults = flags.faults === undefined ? '' : ` --faults ${flags.faults}`;
      const load = `--seed ${plan.seed} --duration ${plan.scenario.duration_s}s${faults}`;
      const repeat = [`windtunnel run ${flags.scenario} --build ${build} ${load}`, ...engineWords(flags)].join(' ');
      const request = { subject: { build }, plan, engine, out, repeat, progress, signal };
      const { judgement, failure } = await runScenario(request);
      // Half a comparison decides nothing. The runs that were made stay and can be compared by their folders.
      if (failure !== undefined) {
        console.error(`The comparison ended early; its runs are in ${folder}.`);
        throw failure;
      }
      runs.push(judgement);
    }
  }
  return sides.map(({ runs }) => runs);
}
