import { existsSync } from 'node:fs';
import path from 'node:path';

import type { CliCommand } from '../console/command.ts';
import { exitCodeOfError, exitCodeOfVerdict } from '../console/exit-code.ts';
import { interruptSignal } from '../console/interrupt.ts';
import { METRICS_OPTIONS, type MetricsFlags, whileServing } from '../console/metrics.ts';
import { Progress } from '../console/progress.ts';
import { allAtOnce } from '../console/usage-errors.ts';
import { hostable } from '../faults/draw.ts';
import type { EngineFlags } from '../model/engine-flags.ts';
import { messageOf, UsageError } from '../model/errors.ts';
import type { Manifest } from '../model/manifest.ts';
import { DRAWN, SCENARIOS } from '../run/catalogue.ts';
import { engineOptions, engineWords, resolveEngine } from '../run/engine.ts';
import { hostOf, type Subject } from '../run/host.ts';
import { printJudgement, runAndJudge } from '../run/judge-run.ts';
import { type PlanFlags, planOptions, resolvePlan } from '../run/plan.ts';
import { readManifest } from '../run-folder/manifest.ts';
import { knownBuild } from '../stacks/start-build.ts';

interface RunFlags extends PlanFlags, EngineFlags, MetricsFlags {
  readonly scenario: string;
  readonly build?: string | undefined;
  readonly target?: string | undefined;
  readonly out?: string | undefined;
  readonly json?: boolean | undefined;
  readonly quiet?: boolean | undefined;
}

export const runCommand: CliCommand<RunFlags> = {
  builder: (args) =>
    engineOptions(planOptions(args))
      .positional('scenario', {
        type: 'string',
        demandOption: true,
        describe: 'A name from `list`, a .ts file, or a stored run whose plan is to be played again',
      })
      .option('build', { type: 'string', describe: 'What to install and start, e.g. airflow@3.2.2' })
      .option('target', { type: 'string', describe: 'The file of a running stack, e.g. from `windtunnel up`' })
      .option('out', { type: 'string', describe: 'The run folder (default: one below runs/)' })
      .option('json', { type: 'boolean', describe: 'Print the verdict as one JSON document' })
      .option('quiet', { type: 'boolean', describe: 'Say nothing until the verdict' })
      .options(METRICS_OPTIONS),

  async handler(flags) {
    const stored = await storedRun(flags);
    const [subject, plan, engine] = await allAtOnce(
      async () => subjectOf(flags, stored?.build),
      async (subject = { build: DEFAULT_BUILD }) => stored?.plan ?? resolvePlan(flags.scenario, flags, subject),
      () => resolveEngine(flags),
    );
    // A plan made for a build may meet a target.
    hostable([...new Set(plan.faults?.map(({ fault }) => fault))], hostOf(subject, plan.scenario));
    const signal = interruptSignal();
    const label = 'build' in subject ? subject.build : subject.target;
    const progress = new Progress(label, plan.scenario.duration_s, { quiet: flags.quiet ?? false });
    const repeat = stored?.repeat ?? repeatOf(flags, plan.seed);
    const served = { label, read: () => progress.now(), note: (text: string) => progress.note(text) };
    const { failure, judgement } = await whileServing(flags, served, () =>
      runAndJudge({ subject, plan, engine, out: flags.out, repeat, progress, signal }),
    ).finally(() => progress.stop());
    printJudgement(judgement, flags.json);
    if (failure !== undefined && !signal.aborted) console.error(messageOf(failure));
    return failure === undefined ? exitCodeOfVerdict(judgement.verdict) : exitCodeOfError(failure);
  },
};

const DEFAULT_BUILD = 'airflow@3.3.2';

/**
 * The manifest of an earlier run, if that is what is to be played: its plan has nothing left to choose. A folder that is
 * called like a scenario, as `--out storm` makes one, does not stand in its way: `./storm` names it.
 */
async function storedRun(flags: RunFlags): Promise<Manifest | undefined> {
  if ([...SCENARIOS, ...DRAWN].some(({ name }) => name === flags.scenario)) return undefined;
  const folder = path.basename(flags.scenario) === 'manifest.json' ? path.dirname(flags.scenario) : flags.scenario;
  if (!existsSync(path.join(folder, 'manifest.json'))) return undefined;
  const chosen = (['seed', 'duration', 'schedulers', 'apiServers', 'faults'] as const).filter(
    (name) => flags[name] !== undefined,
  );
  if (chosen.length > 0) {
    const named = chosen.map((name) => `--${name === 'apiServers' ? 'api-servers' : name}`).join(', ');
    throw new UsageError(`${flags.scenario} is a stored run and has a plan: ${named} cannot change it.`);
  }
  return readManifest(folder);
}

function subjectOf({ build, target }: RunFlags, storedBuild: string | undefined): Subject {
  if (build !== undefined && target !== undefined) throw new UsageError('Give --build or --target, not both.');
  return target === undefined ? { build: knownBuild(build ?? storedBuild ?? DEFAULT_BUILD).name } : { target };
}

/** The seed is drawn when none is given: the command that repeats the run names it. */
function repeatOf(flags: RunFlags, seed: number): string {
  const words = ['windtunnel', 'run', flags.scenario];
  if (flags.target !== undefined) words.push('--target', flags.target);
  else words.push('--build', flags.build ?? DEFAULT_BUILD);
  words.push('--seed', String(seed));
  if (flags.duration !== undefined) words.push('--duration', flags.duration);
  if (flags.schedulers !== undefined) words.push('--schedulers', String(flags.schedulers));
  if (flags.apiServers !== undefined) words.push('--api-servers', String(flags.apiServers));
  if (flags.faults !== undefined) words.push('--faults', flags.faults);
  return [...words, ...engineWords(flags)].join(' ');
}
