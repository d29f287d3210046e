import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';

import { calibrateCommand } from './commands/calibrate.ts';
import { checkCommand } from './commands/check.ts';
import { compareCommand } from './commands/compare.ts';
import { doctorCommand } from './commands/doctor.ts';
import { downCommand } from './commands/down.ts';
import { explainCommand } from './commands/explain.ts';
import { healCommand } from './commands/heal.ts';
import { listCommand } from './commands/list.ts';
import { queryCommand } from './commands/query.ts';
import { reportCommand } from './commands/report.ts';
import { runCommand } from './commands/run.ts';
import { soakCommand } from './commands/soak.ts';
import { upCommand } from './commands/up.ts';
import { exitCodeOfError } from './console/exit-code.ts';
import { InterruptedError, StackError, UsageError } from './model/errors.ts';

// `windtunnel list | head` closes our output early. Nobody reads on, but a run must still end in order.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

try {
  await yargs(hideBin(process.argv))
    .scriptName('windtunnel')
    .usage('$0 <command>\n\nPlays workers and operators against a running Apache Airflow and judges what it promised.')
    .command(runCommand)
    .command(compareCommand)
    .command(soakCommand)
    .command(calibrateCommand)
    .command(checkCommand)
    .command(explainCommand)
    .command(reportCommand)
    .command(queryCommand)
    .command(upCommand)
    .command(downCommand)
    .command(listCommand)
    .command(doctorCommand)
    .command(healCommand)
    .demandCommand(1, 'Name a command')
    .strict()
    .recommendCommands()
    .wrap(Math.min(110, process.stdout.columns ?? 110))
    .epilogue('exit: 0 pass · 1 fail · 2 usage · 3 unknown · 4 the stack could not be run · 130 interrupted')
    .fail((message, error) => {
      throw (
        error ??
        new UsageError(
          `${message.replace(/\.$/, '')}. \`windtunnel --help\` and \`windtunnel COMMAND --help\` tell more.`,
        )
      );
    })
    .parseAsync();
} catch (error) {
  // A sentence for what the user or the stack did; the whole story for what we did.
  const told = error instanceof UsageError || error instanceof StackError || error instanceof InterruptedError;
  console.error(told ? error.message : error);
  process.exitCode = exitCodeOfError(error);
}
