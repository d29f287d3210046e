import type { CommandModule } from 'yargs';

import { exitCodeOfVerdict } from '../console/exit-code.ts';
import { judgeRun, printJudgement } from '../run/judge-run.ts';

interface CheckFlags {
  readonly run: string;
  readonly json?: boolean | undefined;
}

export const checkCommand: CommandModule<object, CheckFlags> = {
  command: 'check <run>',
  describe: 'Judge a stored run folder again; needs no stack',
  builder: (args) =>
    args
      .positional('run', { type: 'string', demandOption: true, describe: 'A run folder' })
      .option('json', { type: 'boolean', describe: 'Print the verdict as one JSON document' }),

  async handler(flags) {
    const judgement = await judgeRun(flags.run);
    printJudgement(judgement, flags.json);
    process.exitCode = exitCodeOfVerdict(judgement.verdict);
  },
};
