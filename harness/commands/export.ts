import path from 'node:path';

import { exportedTestText } from '../../reports/terminal/exported-test.ts';
import { type CliCommand, EXIT_CODE } from '../console/command.ts';
import { interruptSignal } from '../console/interrupt.ts';
import { wantsColor } from '../console/judgement.ts';
import { Progress } from '../console/progress.ts';
import { collectUsageErrors } from '../console/usage-errors.ts';
import { issueOf } from '../export/issue.ts';
import { exportTest, wantedTest } from '../export/race-test.ts';
import { raceOf } from '../export/subject.ts';
import { UsageError } from '../model/errors.ts';
import { showsRace } from '../model/exported-test.ts';
import { flagNames } from '../run/flag-words.ts';
import { OWN_INVARIANTS, ownInvariantsFor } from '../run/own-invariants.ts';
import { checkNewFile, checkNewFolder, writeNewFile } from '../run-folder/out.ts';
import { checkEnvironment } from '../system/environment.ts';

interface ExportFlags {
  readonly run: string;
  readonly finding?: string | undefined;
  readonly as: string;
  readonly also?: readonly string[] | undefined;
  readonly around?: number | undefined;
  readonly build?: string | undefined;
  readonly passesOn?: string | undefined;
  readonly out?: string | undefined;
  readonly invariants?: string | undefined;
}

const FORMS: Readonly<Record<string, (flags: ExportFlags) => Promise<number>>> = {
  'airflow-issue': exportIssue,
  pytest: exportPytest,
};
/** Maintainers ask for logs around the moment, not for excerpts. */
const AROUND_S = 60;
const MOST_AROUND_S = 3_600;

export const exportCommand: CliCommand<ExportFlags> = {
  builder: (args) =>
    args
      .positional('run', {
        type: 'string',
        demandOption: true,
        describe: 'A run folder; as a pytest also a race, such as 63266',
      })
      .positional('finding', { type: 'string', describe: 'F1, F2, … or a fingerprint' })
      .option('as', {
        type: 'string',
        choices: Object.keys(FORMS),
        demandOption: true,
        describe:
          "airflow-issue: Markdown under the headings of Airflow's bug form, to be read and completed; pytest: a " +
          'test for Airflow, shown to fail on a build with the race and to pass on one without',
      })
      .option('also', {
        type: 'string',
        array: true,
        describe: 'A further run folder, as often as you like: in how many of them it was seen, by build',
      })
      .option('around', {
        type: 'number',
        describe: `Seconds of the logs before and after the worst occurrence (default: ${AROUND_S})`,
      })
      .option('build', { type: 'string', describe: 'Of a pytest: where it fails (default: the build of the run)' })
      .option('passes-on', {
        type: 'string',
        describe: 'Of a pytest: where it passes (default: the next release without the race)',
      })
      .option('out', {
        type: 'string',
        describe: 'Write it to this file, or a pytest to this folder; missing folders are made',
      })
      .options(OWN_INVARIANTS) as never,

  handler: (flags) => (FORMS[flags.as] ?? exportIssue)(flags),
};

async function exportIssue({ run, finding: id, also = [], around = AROUND_S, out, invariants, ...rest }: ExportFlags) {
  const [, own] = await collectUsageErrors(
    async () => {
      if (out !== undefined) checkNewFile(out, 'exported file');
      const problems = withoutEffect('an issue', { build: rest.build, 'passes-on': rest.passesOn });
      if (id === undefined) problems.push('Name a finding, such as F1: `windtunnel explain RUN` lists them.');
      if (!(around >= 0 && around <= MOST_AROUND_S))
        problems.push(`--around must be a number of seconds from 0 to ${MOST_AROUND_S}, not ${around}.`);
      if (problems.length > 0) throw new UsageError(problems.join('\n'));
    },
    () => ownInvariantsFor([run, ...also], invariants),
  );
  const text = await issueOf(run, id ?? '', { also, aroundS: around, own });
  if (out === undefined) process.stdout.write(text);
  else {
    writeNewFile(out, text);
    console.log(path.resolve(out));
  }
  return EXIT_CODE.pass;
}

async function exportPytest({ run, finding, also, around, build, passesOn, out, invariants }: ExportFlags) {
  const [wanted] = await collectUsageErrors(
    async () => wantedTest(await raceOf(run, finding, { build, invariants }), { passesOn, out }),
    async () => {
      const problems = withoutEffect('a pytest', { also, around });
      if (problems.length > 0) throw new UsageError(problems.join('\n'));
    },
    async (test) => test && checkNewFolder(test.out, 'folder of the pytest'),
    async () => checkEnvironment(),
  );
  const signal = interruptSignal('ending the test, and removing its database …');
  const progress = new Progress(`pytest ${wanted.race}`, 0);
  const options = { progress: (text: string) => progress.phase('starting', text), signal };
  const test = await exportTest(wanted, options).finally(() => progress.stop());
  process.stdout.write(`${exportedTestText(test, { color: wantsColor() })}\n`);
  return showsRace(test) ? EXIT_CODE.pass : EXIT_CODE.unknown;
}

function withoutEffect(form: string, flags: Readonly<Record<string, unknown>>): string[] {
  const idle = flagNames(flags);
  return idle.length === 0 ? [] : [`For ${form} ${idle.join(' and ')} means nothing: leave it out.`];
}
