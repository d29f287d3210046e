import { type CliCommand, exitCodeOfError, exitCodeOfVerdict, verdictForExit } from '../console/command.ts';
import { interruptSignal } from '../console/interrupt.ts';
import { printJudgement } from '../console/judgement.ts';
import { METRICS_OPTIONS, openMetrics } from '../console/metrics.ts';
import { say } from '../console/print.ts';
import { Progress } from '../console/progress.ts';
import { collectUsageErrors } from '../console/usage-errors.ts';
import { againstFile, KNOWN_OPTION } from '../known/options.ts';
import { messageOf } from '../model/errors.ts';
import { engineOptions } from '../run/engine.ts';
import { OWN_INVARIANTS } from '../run/own-invariants.ts';
import { planOptions } from '../run/plan.ts';
import { type RunFlags, resolveRun } from '../run/resolve.ts';
import { runScenario } from '../run/run.ts';
import { subjectName } from '../run/subject.ts';

interface RunCommandFlags extends RunFlags {
  readonly json?: boolean | undefined;
  readonly quiet?: boolean | undefined;
  readonly known?: string | undefined;
}

export const runCommand: CliCommand<RunCommandFlags> = {
  builder: (args) =>
    engineOptions(planOptions(args))
      .positional('scenario', {
        type: 'string',
        demandOption: true,
        describe: 'A name from `list`, a .ts file, or a stored run to repeat with its plan',
      })
      .option('build', { type: 'string', describe: 'What to install and start, e.g. airflow@3.2.2' })
      .option('target', { type: 'string', describe: 'The file of a running stack, e.g. from `windtunnel up`' })
      .options(OWN_INVARIANTS)
      .options(KNOWN_OPTION)
      .option('out', { type: 'string', describe: 'The run folder, new or empty (default: one below runs/)' })
      .option('trace', { type: 'boolean', describe: 'Record every statement of the stack, and the rows it touched' })
      .option('json', { type: 'boolean', describe: 'Print the verdict as one JSON document' })
      .option('quiet', { type: 'boolean', describe: 'Print nothing until the verdict' })
      .options(METRICS_OPTIONS),

  check: resolve,

  async handler(flags) {
    const [resolved, against] = await resolve(flags);
    const { subject, plan } = resolved;
    const signal = interruptSignal();
    const label = subjectName(subject);
    const progress = new Progress(label, plan.scenario.duration_s, { quiet: flags.quiet ?? false });
    const served = { label, read: () => progress.now(), note: (text: string) => progress.note(text) };
    const metrics = await openMetrics(flags, served);
    const { failure, judgement } = await runScenario({ ...resolved, against, progress, signal }).finally(() =>
      metrics.close(),
    );
    printJudgement(judgement, { json: flags.json, own: resolved.own });
    if (failure !== undefined && !signal.aborted) say(messageOf(failure));
    return failure === undefined ? exitCodeOfVerdict(verdictForExit(judgement)) : exitCodeOfError(failure);
  },
};

function resolve(flags: RunCommandFlags) {
  return collectUsageErrors(
    () => resolveRun(flags),
    () => againstFile(flags.known),
  );
}
