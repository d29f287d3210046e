import { existsSync } from 'node:fs';
import path from 'node:path';

import { findingsText, findingText } from '../../reports/terminal/finding.ts';
import { workerLogText } from '../../reports/terminal/worker-log.ts';
import type { CliCommand } from '../console/command.ts';
import { wantsColor } from '../console/judgement.ts';
import { printJson } from '../console/print.ts';
import { findingNamed } from '../judge/finding-named.ts';
import { judge } from '../judge/judge.ts';
import { OWN_INVARIANTS, ownInvariantsFor } from '../run/own-invariants.ts';
import { readManifest } from '../run-folder/manifest.ts';
import { endOfFile } from '../system/tail.ts';

/** Of the real workers of a finding. */
const LOGS_READ = 2;
/** Of each log the last ones: a task may have printed a lot. */
const LOG_BYTES = 200_000;

interface ExplainFlags {
  readonly run: string;
  readonly finding?: string | undefined;
  readonly invariants?: string | undefined;
  readonly json?: boolean | undefined;
}

export const explainCommand: CliCommand<ExplainFlags> = {
  builder: (args) =>
    args
      .positional('run', { type: 'string', demandOption: true, describe: 'A run folder' })
      .positional('finding', { type: 'string', describe: 'F1, F2, … or a fingerprint' })
      .options(OWN_INVARIANTS)
      .option('json', { type: 'boolean', describe: 'Print it as one JSON document' }),

  async handler({ run, finding: id, invariants, json }) {
    const judgement = await judge(run, { own: await ownInvariantsFor([run], invariants) });
    const finding = id === undefined ? undefined : findingNamed(judgement, id);
    if (json) {
      printJson(finding ?? judgement.findings);
      return 0;
    }
    const options = { color: wantsColor() };
    const text = finding
      ? findingText(judgement, await readManifest(run), finding, options)
      : findingsText(judgement, options);
    const logs = (finding?.worker_logs ?? []).slice(0, LOGS_READ).flatMap((log) => workerLog(run, log, options));
    process.stdout.write(`${[text, ...logs].join('\n\n')}\n`);
    return 0;
  },
};

/** The end of what a real worker printed; nothing where it is not there, or says nothing. */
function workerLog(run: string, log: string, options: { readonly color: boolean }): string[] {
  const file = path.join(run, log);
  if (!existsSync(file)) return [];
  const text = workerLogText(log, endOfFile(file, LOG_BYTES), options);
  return text === '' ? [] : [text];
}
