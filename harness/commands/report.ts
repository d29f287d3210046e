import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DOCUMENTS } from '../../reports/write.ts';
import type { CliCommand } from '../console/command.ts';
import { collectUsageErrors } from '../console/usage-errors.ts';
import { UsageError } from '../model/errors.ts';
import { isRecord } from '../model/json.ts';
import { OWN_INVARIANTS, ownInvariantsFor } from '../run/own-invariants.ts';
import { judgeRunFolder } from '../run/run.ts';
import { readManifest } from '../run-folder/manifest.ts';
import { checkNewFile } from '../run-folder/out.ts';

interface ReportFlags {
  readonly run: string;
  readonly format?: string | undefined;
  readonly out?: string | undefined;
  readonly invariants?: string | undefined;
  readonly open?: boolean | undefined;
}

const OPENED_MS = 3_000;

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
      .option('open', { type: 'boolean', describe: 'Open report.html in the browser' }),

  async handler({ run, format, out, invariants, open }) {
    const [, own] = await collectUsageErrors(
      async () => checkFlags({ format, out, open }),
      () => ownInvariantsFor([run], invariants),
    );
    const judgement = await judgeRunFolder(run, own);
    const document = format === undefined ? undefined : DOCUMENTS[format];
    if (document !== undefined) {
      const text = document.write(judgement, await readManifest(run));
      if (out === undefined) process.stdout.write(text);
      else writeOut(path.resolve(out), text);
      return 0;
    }
    for (const { file } of Object.values(DOCUMENTS)) console.log(path.resolve(run, file));
    if (open) await openInBrowser(path.resolve(run, 'report.html'));
    return 0;
  },
};

/** Before anything is judged, which may take minutes. */
function checkFlags({ format, out, open }: Pick<ReportFlags, 'format' | 'out' | 'open'>): void {
  const problems: string[] = [];
  if (out !== undefined && format === undefined) problems.push('--out needs --format: name the report to write.');
  if (open && format !== undefined) problems.push('--open shows report.html: it takes no --format.');
  if (problems.length > 0) throw new UsageError(problems.join('\n'));
  if (out !== undefined) checkNewFile(out, 'report');
}

function writeOut(file: string, text: string): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
  console.log(file);
}

/** BROWSER, as everywhere; else what the system opens files with. */
async function openInBrowser(file: string): Promise<void> {
  const usual = { darwin: 'open', win32: 'explorer' }[process.platform as string] ?? 'xdg-open';
  const opener = process.env.BROWSER || usual;
  const child = spawn(opener, [file], { stdio: 'ignore', detached: true });
  try {
    // A running browser returns immediately; one that this starts keeps running on its own.
    await once(child, 'exit', { signal: AbortSignal.timeout(OPENED_MS) });
  } catch (error) {
    if (isRecord(error) && error.name === 'AbortError') return;
    throw new UsageError(`${opener} was not found: set BROWSER to a program, or open ${file}.`, {
      cause: error,
    });
  } finally {
    child.unref();
  }
}
