import path from 'node:path';

import type { CliCommand } from '../console/command.ts';
import { collectUsageErrors } from '../console/usage-errors.ts';
import { issueOf } from '../export/issue.ts';
import { UsageError } from '../model/errors.ts';
import { OWN_INVARIANTS, ownInvariantsFor } from '../run/own-invariants.ts';
import { checkNewFile, writeNewFile } from '../run-folder/out.ts';

interface ExportFlags {
  readonly run: string;
  readonly finding: string;
  readonly as: string;
  readonly also?: readonly string[] | undefined;
  readonly around?: number | undefined;
  readonly out?: string | undefined;
  readonly invariants?: string | undefined;
}

const FORMS = ['airflow-issue'];
/** Maintainers ask for logs around the moment, not for excerpts. */
const AROUND_S = 60;
const MOST_AROUND_S = 3_600;

export const exportCommand: CliCommand<ExportFlags> = {
  builder: (args) =>
    args
      .positional('run', { type: 'string', demandOption: true, describe: 'A run folder' })
      .positional('finding', { type: 'string', demandOption: true, describe: 'F1, F2, … or a fingerprint' })
      .option('as', {
        type: 'string',
        choices: FORMS,
        demandOption: true,
        describe: "airflow-issue: Markdown under the headings of Airflow's bug form, to be read and completed",
      })
      .option('also', {
        type: 'string',
        array: true,
        describe: 'A further run folder, as often as you like: in how many of them it was seen, by build',
      })
      .option('around', {
        type: 'number',
        default: AROUND_S,
        describe: 'Seconds of the logs before and after the worst occurrence',
      })
      .option('out', { type: 'string', describe: 'Write it to this file; missing folders are made' })
      .options(OWN_INVARIANTS),

  async handler({ run, finding: id, also = [], around = AROUND_S, out, invariants }) {
    const [, own] = await collectUsageErrors(
      async () => {
        if (out !== undefined) checkNewFile(out, 'exported file');
        if (!(around >= 0 && around <= MOST_AROUND_S))
          throw new UsageError(`--around must be a number of seconds from 0 to ${MOST_AROUND_S}, not ${around}.`);
      },
      () => ownInvariantsFor([run, ...also], invariants),
    );
    const text = await issueOf(run, id, { also, aroundS: around, own });
    if (out === undefined) process.stdout.write(text);
    else {
      writeNewFile(out, text);
      console.log(path.resolve(out));
    }
    return 0;
  },
};
