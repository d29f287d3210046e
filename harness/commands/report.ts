import path from 'node:path';

import type { CommandModule } from 'yargs';

import { judgeRun } from './judge-run.ts';

export const reportCommand: CommandModule<object, { readonly run: string }> = {
  command: 'report <run>',
  describe: 'Write the reports of a stored run folder anew and say where they are',
  builder: (args) => args.positional('run', { type: 'string', demandOption: true, describe: 'A run folder' }),

  async handler({ run }) {
    await judgeRun(run);
    for (const name of ['report.html', 'report.md', 'verdict.json', 'junit.xml']) console.log(path.resolve(run, name));
  },
};
