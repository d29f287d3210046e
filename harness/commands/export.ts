import path from 'node:path';

import { dagSteps, rateWords } from '../../reports/markdown/dag-steps.ts';
import { exportedTestText } from '../../reports/terminal/exported-test.ts';
import { replayText } from '../../reports/terminal/replay.ts';
import { type CliCommand, EXIT_CODE } from '../console/command.ts';
import { interruptSignal } from '../console/interrupt.ts';
import { wantsColor } from '../console/judgement.ts';
import { say } from '../console/print.ts';
import { Progress } from '../console/progress.ts';
import { measuredDag } from '../export/dag-alone.ts';
import { issueOf } from '../export/issue.ts';
import { type ExportFlags, exportOptions, resolveDag, resolveIssue, resolveTest } from '../export/options.ts';
import { playedRace } from '../export/played-race.ts';
import { exportTest } from '../export/race-test.ts';
import { showsRace } from '../model/exported-test.ts';
import { writeNewFile } from '../run-folder/out.ts';

const FORMS: Readonly<Record<ExportFlags['as'], (flags: ExportFlags) => Promise<number>>> = {
  'airflow-issue': exportIssue,
  pytest: exportPytest,
  dag: exportDag,
};

export const exportCommand: CliCommand<ExportFlags> = {
  builder: exportOptions,

  handler: (flags) => FORMS[flags.as](flags),
};

async function exportIssue(flags: ExportFlags): Promise<number> {
  const { race, ...options } = await resolveIssue(flags);
  const [first, ...others] = race ? await playedRace(race) : [];
  if (first && first.outcome !== 'broken') {
    say(replayText(first, { color: wantsColor() }));
    say(`No issue was written, because the race was not shown on ${first.build}.`);
    return EXIT_CODE.unknown;
  }
  const also = [...options.also, ...others.flatMap(({ files }) => files.map(({ run }) => run))];
  const text = await issueOf(first?.files[0]?.run ?? flags.run, flags.finding, { ...options, also });
  if (flags.out === undefined) process.stdout.write(text);
  else {
    writeNewFile(flags.out, text);
    console.log(path.resolve(flags.out));
  }
  return EXIT_CODE.pass;
}

async function exportDag(flags: ExportFlags): Promise<number> {
  const wanted = await resolveDag(flags);
  const alone = await measuredDag(wanted, interruptSignal('ending Airflow, and judging what it did …'));
  const file = path.resolve(wanted.out, `${alone.dag.dag_id}.py`);
  const steps = path.resolve(wanted.out, 'STEPS.md');
  writeNewFile(file, alone.text);
  writeNewFile(steps, dagSteps(alone));
  console.log([rateWords(alone), file, steps, `The run: ${alone.run}`].join('\n'));
  return alone.times > 0 ? EXIT_CODE.pass : EXIT_CODE.unknown;
}

async function exportPytest(flags: ExportFlags): Promise<number> {
  const wanted = await resolveTest(flags);
  const signal = interruptSignal('ending the test, and removing its database …');
  const progress = new Progress(`pytest ${wanted.race}`, 0);
  const options = { progress: (text: string) => progress.phase('starting', text), signal };
  const test = await exportTest(wanted, options).finally(() => progress.stop());
  process.stdout.write(`${exportedTestText(test, { color: wantsColor() })}\n`);
  return showsRace(test) ? EXIT_CODE.pass : EXIT_CODE.unknown;
}
