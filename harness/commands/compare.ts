import { existsSync } from 'node:fs';
import path from 'node:path';

import type { CommandModule } from 'yargs';

import { compareJudgements } from '../../reports/compare.ts';
import { comparisonText } from '../../reports/terminal.ts';
import { writeComparison } from '../../reports/write.ts';
import { exitCodeOfError, exitCodeOfVerdict } from '../exit-code.ts';
import { UsageError } from '../model/errors.ts';
import type { Judgement } from '../model/verdict.ts';
import { knownBuild } from '../stacks/start-build.ts';
import { defaultPair, type Pair } from './default-pair.ts';
import { interruptSignal } from './interrupt.ts';
import { judgeRun, runAndJudge, wantsColor } from './judge-run.ts';
import { timeStamp } from './perform-run.ts';
import { Progress } from './progress.ts';
import { type PlanFlags, planOptions, resolvePlan } from './resolve-plan.ts';

interface CompareFlags extends PlanFlags {
  readonly a?: string | undefined;
  readonly b?: string | undefined;
  readonly scenario: string;
  readonly runs: number;
  readonly out?: string | undefined;
  readonly json?: boolean | undefined;
}

export const compareCommand: CommandModule<object, CompareFlags> = {
  command: 'compare [a] [b]',
  describe: 'Run the same plan on two builds (or take two stored runs) and say what differs',
  builder: (args) =>
    planOptions(args)
      .positional('a', { type: 'string', describe: 'A build, or a stored run folder (default: airflow@3.2.1)' })
      .positional('b', { type: 'string', describe: 'What to hold against it (default: airflow@3.2.2)' })
      .option('scenario', { type: 'string', default: 'seeds', describe: 'A name from `list`, or a .ts file' })
      .option('runs', { type: 'number', default: 1, describe: 'Runs of each build, interleaved' })
      .option('out', { type: 'string', describe: 'Folder for the comparison and its runs (default: one below runs/)' })
      .option('json', { type: 'boolean', describe: 'Print the comparison as one JSON document' }),

  async handler(flags) {
    const folder = path.resolve(flags.out ?? path.join('runs', `${timeStamp()}-compare`));
    const signal = interruptSignal();
    const pair = await pairOf(flags, signal);
    const sides =
      isStored(pair.a) && isStored(pair.b) ? await judgeStored(pair) : await runBoth(pair, flags, folder, signal);
    const comparison = compareJudgements(sides.a, sides.b);
    await writeComparison(folder, comparison);
    if (flags.json) process.stdout.write(`${JSON.stringify(comparison, null, 2)}\n`);
    else process.stdout.write(`${comparisonText(comparison, { color: wantsColor(), folder })}\n`);
    process.exitCode = exitCodeOfVerdict(comparison.verdict);
  },
};

/** An explicit build is what was asked for, or an error; only when nothing is said is there a choice. */
async function pairOf({ a, b }: CompareFlags, signal: AbortSignal): Promise<Pair> {
  if (a === undefined) return defaultPair((line) => console.error(line), signal);
  if (b === undefined) throw new UsageError(`compare needs two builds or two stored runs: what to hold against ${a}?`);
  return { a, b };
}

interface Sides {
  readonly a: readonly Judgement[];
  readonly b: readonly Judgement[];
}

function isStored(side: string): boolean {
  return existsSync(path.join(side, 'manifest.json'));
}

async function judgeStored({ a, b }: Pair): Promise<Sides> {
  return { a: [await judgeRun(a)], b: [await judgeRun(b)] };
}

/** A B, then B A, and so on: what drifts with time then weighs on both alike. Both sides play the same seeds. */
async function runBoth(pair: Pair, flags: CompareFlags, folder: string, signal: AbortSignal): Promise<Sides> {
  for (const side of [pair.a, pair.b]) {
    if (isStored(side))
      throw new UsageError(
        `${side} is a stored run and the other side is not: compare two builds, or two stored runs.`,
      );
    knownBuild(side);
  }
  if (!(Number.isInteger(flags.runs) && flags.runs >= 1 && flags.runs <= 100)) {
    throw new UsageError(`--runs must be a whole number from 1 to 100, not ${flags.runs}`);
  }
  const planOf = (seed: number | undefined) => resolvePlan(flags.scenario, { ...flags, seed }, { build: pair.a });
  const { seed } = await planOf(flags.seed);
  const sides = { a: [] as Judgement[], b: [] as Judgement[] };
  for (let round = 0; round < flags.runs; round++) {
    const plan = await planOf(seed + round);
    for (const side of round % 2 === 0 ? (['a', 'b'] as const) : (['b', 'a'] as const)) {
      const build = pair[side];
      const label = `${build} (run ${round + 1} of ${flags.runs})`;
      const progress = new Progress(label, plan.scenario.duration_s);
      const out = path.join(folder, `${side}-${round + 1}`);
      const faults = flags.faults === undefined ? '' : ` --faults ${flags.faults}`;
      const repeat = `windtunnel run ${flags.scenario} --build ${build} --seed ${plan.seed} --duration ${plan.scenario.duration_s}s${faults}`;
      const { judgement, failure } = await runAndJudge({ subject: { build }, plan, out, repeat, progress, signal });
      // Half a comparison decides nothing: the runs that were made stay and can be compared by their folders.
      if (failure !== undefined) {
        console.error(`The comparison ended early; its runs are in ${folder}.`);
        process.exitCode = exitCodeOfError(failure);
        throw failure;
      }
      sides[side].push(judgement);
    }
  }
  return sides;
}
