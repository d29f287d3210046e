import type { CommandModule } from 'yargs';
import { interruptSignal } from '../console/interrupt.ts';
import { UsageError } from '../model/errors.ts';
import type { Capacity } from '../model/manifest.ts';
import { keepCapacity, measureCapacity } from '../self/capacity.ts';

interface BenchSelfFlags {
  readonly seconds: number;
  readonly json?: boolean | undefined;
}

const MOST_SECONDS = 600;

export const benchSelfCommand: CommandModule<object, BenchSelfFlags> = {
  command: 'bench-self',
  describe: 'What this machine’s harness can do; runs from now on say how much more than theirs',
  builder: (args) =>
    args
      .option('seconds', { type: 'number', default: 5, describe: 'How long each of the two measurements lasts' })
      .option('json', { type: 'boolean', describe: 'Print one JSON document' }),

  async handler({ seconds, json }) {
    if (!(seconds >= 1 && seconds <= MOST_SECONDS)) {
      throw new UsageError(`--seconds ${seconds}: give a number from 1 to ${MOST_SECONDS}.`);
    }
    const signal = interruptSignal('ending the measurement …');
    const progress = (phase: string) => {
      if (process.stderr.isTTY) console.error(`… ${phase}`);
    };
    const capacity = await measureCapacity({ seconds, signal, progress });
    keepCapacity(capacity);
    if (json) process.stdout.write(`${JSON.stringify(capacity, null, 2)}\n`);
    else console.log(told(capacity));
  },
};

function told(capacity: Capacity): string {
  const number = (value: number) => value.toLocaleString('en-US');
  const lines: [string, string][] = [
    ['requests', `${number(capacity.requests_per_s)} a second, of short lives on one core, each in the record`],
    ['workers', `${number(capacity.live_workers)} that beat every 5 s, on 70 % of a core, by what a heartbeat costs`],
    ['sent late', `99 of 100 heartbeats at most ${number(capacity.late_p99_ms)} ms`],
    ['paused', `at most ${number(capacity.longest_pause_ms)} ms`],
    ['recorder', `${number(capacity.recorder_rows_per_s)} rows a second`],
  ];
  return lines.map(([part, sentence]) => `${part.padEnd(10)} ${sentence}`).join('\n');
}
