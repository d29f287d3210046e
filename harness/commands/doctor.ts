import type { CliCommand } from '../console/command.ts';
import { type Diagnosis, examine } from '../doctor/checks.ts';

export const doctorCommand: CliCommand<{ readonly json?: boolean | undefined }> = {
  builder: (args) => args.option('json', { type: 'boolean', describe: 'Print one JSON document' }),

  async handler({ json }) {
    const findings = await examine();
    if (json) process.stdout.write(`${JSON.stringify({ findings }, null, 2)}\n`);
    else for (const finding of findings) print(finding);
    return findings.some(({ state }) => state === 'missing') ? 4 : 0;
  },
};

function print({ part, state, sentence, fix }: Diagnosis): void {
  console.log(`${{ ok: '✓', missing: '✗', note: '·' }[state]} ${part.padEnd(11)} ${sentence}`);
  if (fix) console.log(`  ${''.padEnd(11)} → ${fix}`);
}
