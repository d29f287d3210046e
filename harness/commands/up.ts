import type { CliCommand } from '../console/command.ts';
import { interruptSignal } from '../console/interrupt.ts';
import { Progress } from '../console/progress.ts';
import { collectUsageErrors } from '../console/usage-errors.ts';
import { shapeOf } from '../run/plan.ts';
import { checkTargetOut, keepUp } from '../stacks/keep-up.ts';
import { ADMIN, type ManagedStack } from '../stacks/managed.ts';
import { knownBuild } from '../stacks/start-build.ts';
import { checkEnvironment } from '../system/environment.ts';

interface UpFlags {
  readonly build: string;
  readonly schedulers: number;
  readonly apiServers: number;
  readonly out: string;
}

/** Throws a UsageError that lists every problem of the flags. */
async function checkUp({ build, schedulers, apiServers, out }: UpFlags): Promise<void> {
  await collectUsageErrors(
    async () => knownBuild(build),
    async () => shapeOf({ schedulers, apiServers }),
    async () => checkTargetOut(out),
    async () => checkEnvironment(),
  );
}

export const upCommand: CliCommand<UpFlags> = {
  builder: (args) =>
    args
      .positional('build', { type: 'string', demandOption: true, describe: 'e.g. airflow@3.2.2' })
      .option('schedulers', { type: 'number', default: 2, describe: 'Number of schedulers' })
      .option('api-servers', { type: 'number', default: 1, describe: 'Number of API servers for the workers' })
      .option('out', {
        type: 'string',
        default: 'windtunnel-target.yaml',
        describe: 'The target file to write',
      }) as never,

  check: checkUp,

  async handler(flags) {
    await checkUp(flags);
    const { build, out } = flags;
    const signal = interruptSignal();
    const progress = new Progress(build, 0);
    const onUp = ({ publicUrl, loginFile }: ManagedStack) => {
      progress.stop();
      console.log(`${build} is up. In another terminal: windtunnel run seeds --target ${out}`);
      if (loginFile !== undefined) console.log(`Its web pages: ${publicUrl}, user ${ADMIN}, password in ${loginFile}`);
      console.log('Ctrl-C here, or `windtunnel down` anywhere, ends it.');
    };
    await keepUp({ ...flags, signal, progress: (text) => progress.phase('starting', text), onUp }).finally(() =>
      progress.stop(),
    );
    return 0;
  },
};
