import type { CliCommand } from '../console/command.ts';
import { type Diagnosis, examine } from '../doctor/checks.ts';
import { examineTarget } from '../doctor/target.ts';
import { dsnOfTarget } from '../stacks/target-file.ts';

interface DoctorFlags {
  readonly json?: boolean | undefined;
  readonly target?: string | undefined;
}

export const doctorCommand: CliCommand<DoctorFlags> = {
  builder: (args) =>
    args
      .option('json', { type: 'boolean', describe: 'Print one JSON document' })
      .option('target', { type: 'string', describe: 'Only what a run on this target would find; nothing is changed' }),

  async check({ target }) {
    if (target !== undefined) dsnOfTarget(target);
  },

  async handler({ json, target }) {
    const findings = await (target === undefined ? examine() : examineTarget(target));
    if (json) process.stdout.write(`${JSON.stringify({ findings }, null, 2)}\n`);
    else for (const finding of findings) print(finding);
    return findings.some(({ state }) => state === 'missing') ? 4 : 0;
  },
};

function print({ part, state, sentence, fix }: Diagnosis): void {
  console.log(`${{ ok: '✓', missing: '✗', note: '·' }[state]} ${part.padEnd(11)} ${sentence}`);
  if (fix) console.log(`  ${''.padEnd(11)} → ${fix}`);
}
