import path from 'node:path';
import { DOCUMENTS } from '../../reports/write.ts';
import type { CliCommand } from '../console/command.ts';
import { collectUsageErrors } from '../console/usage-errors.ts';
import { againstFile, KNOWN_OPTION } from '../known/options.ts';
import { UsageError } from '../model/errors.ts';
import { judgeRunFolder } from '../run/judge-folder.ts';
import { OWN_INVARIANTS, ownInvariantsFor } from '../run/own-invariants.ts';
import { readManifest } from '../run-folder/manifest.ts';
import { checkNewFile, writeNewFile } from '../run-folder/out.ts';

interface ReportFlags {
  readonly run: string;
  readonly format?: string | undefined;
  readonly out?: string | undefined;
  readonly invariants?: string | undefined;
  readonly known?: string | undefined;
}

export const reportCommand: CliCommand<ReportFlags> = {
  builder: (args) =>
    args
      .positional('run', { type: 'string', demandOption: true, describe: 'A run folder' })
      .option('format', {
        type: 'string',
        choices: Object.keys(DOCUMENTS),
        describe: 'Print this report instead',
      })
      .option('out', { type: 'string', describe: 'Write it to this file instead; missing folders are made' })
      .options(OWN_INVARIANTS)
      .options(KNOWN_OPTION),

  async handler({ run, format, out, invariants, known }) {
    const [, own, against] = await collectUsageErrors(
      async () => checkFlags({ format, out }),
      () => ownInvariantsFor([run], invariants),
      () => againstFile(known),
    );
    const judgement = await judgeRunFolder(run, own, against);
    const document = format === undefined ? undefined : DOCUMENTS[format];
    if (document !== undefined) {
      const text = document.write(judgement, await readManifest(run));
      if (out === undefined) process.stdout.write(text);
      else {
        writeNewFile(out, text);
        console.log(path.resolve(out));
      }
      return 0;
    }
    for (const { file } of Object.values(DOCUMENTS)) console.log(path.resolve(run, file));
    return 0;
  },
};

/** Before anything is judged, which may take minutes. */
function checkFlags({ format, out }: Pick<ReportFlags, 'format' | 'out'>): void {
  if (out === undefined) return;
  if (format === undefined) throw new UsageError('--out needs --format: name the report to write.');
  checkNewFile(out, 'report');
}
