import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import path from 'node:path';

import type { Argv } from 'yargs';

import type { Planted } from '../model/calibration.ts';
import { UsageError } from '../model/errors.ts';
import { parseSeconds, problemsOfFaults } from '../run/plan.ts';
import { checkNewFile } from '../run-folder/out.ts';
import { REFERENCE_DEFECTS } from '../stacks/defects.ts';

/** Where results are kept, relative to the current folder. */
export const KEPT = path.join('records', 'calibration');

export interface CalibrateFlags {
  readonly defects?: string | undefined;
  readonly runs?: number | undefined;
  readonly duration?: string | undefined;
  readonly jobs?: number | undefined;
  readonly clean?: number | undefined;
  readonly seed?: number | undefined;
  readonly faults?: string | undefined;
  readonly keep?: boolean | undefined;
  readonly out?: string | undefined;
  readonly resume?: string | undefined;
  readonly json?: boolean | undefined;
}

export interface CalibrateSettings {
  readonly planted: readonly Planted[];
  /** Whether that is everything there is. */
  readonly all: boolean;
  readonly runs: number;
  readonly durationS: number;
  readonly jobs: number;
  readonly clean: number | undefined;
  readonly seed: number;
  readonly faults: string | null;
}

export function calibrateOptions(args: Argv): Argv<CalibrateFlags> {
  return args
    .option('defects', { type: 'string', describe: 'Names of defects, separated by commas (default: all)' })
    .option('runs', { type: 'number', describe: 'Runs of each defect (default: 10)' })
    .option('duration', {
      type: 'string',
      describe: 'Load of a run; longer for a defect that needs more (default: 30s)',
    })
    .option('clean', { type: 'number', describe: 'Runs without a defect (default: one for every two with a defect)' })
    .option('jobs', { type: 'number', describe: 'Concurrent runs, 1 to 8 (default: 1)' })
    .option('seed', { type: 'number', describe: 'Repeat the random choices of an earlier calibration' })
    .option('faults', { type: 'string', describe: 'Faults during each run: names from `list` with commas, or all' })
    .option('keep', { type: 'boolean', describe: 'Keep every run folder, not only those of misses and false alarms' })
    .option('out', { type: 'string', describe: `The result file (default: ${KEPT}/TIME.json)` })
    .option('resume', { type: 'string', describe: 'Play what an interrupted calibration still lacks: its result file' })
    .option('json', { type: 'boolean', describe: 'Print the result as one JSON document' }) as never;
}

/** The result file. Checked before hours of runs, not after them. */
export function outOf({ out }: CalibrateFlags, now: string): string {
  const file = path.resolve(out ?? path.join(KEPT, `${now}.json`));
  if (!file.endsWith('.json')) throw new UsageError(`--out must be a .json file, not "${out}"`);
  if (existsSync(file)) throw new UsageError(`The result ${out} exists: choose another --out, or remove it.`);
  checkNewFile(file, 'result');
  return file;
}

/** Throws a UsageError that lists every problem of the flags. */
export function settingsOf(flags: CalibrateFlags): CalibrateSettings {
  const problems: string[] = [];
  const planted = plantedOf(flags.defects, problems);
  const whole = (flag: string, value: number | undefined, from: number, to: number) => {
    if (value !== undefined && !(Number.isInteger(value) && value >= from && value <= to)) {
      problems.push(`--${flag} must be a whole number from ${from} to ${to}, not ${value}`);
    }
  };
  const { runs = 10, jobs = 1, duration = '30s' } = flags;
  whole('runs', runs, 0, 1000);
  whole('clean', flags.clean, 0, 10_000);
  whole('jobs', jobs, 1, 8);
  const durationS = parseSeconds(duration);
  if (durationS === undefined || durationS > 3600) {
    problems.push(`--duration must be like 30s or 2m, from 1s to 1h, not "${duration}"`);
  }
  if (flags.seed !== undefined && !(Number.isSafeInteger(flags.seed) && flags.seed >= 0)) {
    problems.push(`--seed must be a whole number from 0, not ${flags.seed}`);
  }
  problems.push(...problemsOfFaults(flags.faults));
  if (runs === 0 && (flags.clean ?? 0) === 0) problems.push('--runs 0 without --clean leaves nothing to run');
  if (problems.length > 0) throw new UsageError(problems.join('\n'));
  return {
    planted,
    all: flags.defects === undefined,
    runs,
    durationS: durationS ?? 0,
    jobs,
    clean: flags.clean,
    seed: flags.seed ?? randomInt(2 ** 31),
    faults: flags.faults ?? null,
  };
}

/** The catalogue’s defects of these names, or all; what is wrong with the names is added to `problems`. */
export function plantedOf(text: string | undefined, problems: string[]): readonly Planted[] {
  if (text === undefined) return REFERENCE_DEFECTS;
  const names = [...new Set(text.split(',').map((name) => name.trim()))].filter((name) => name !== '');
  const unknown = names.filter((name) => !REFERENCE_DEFECTS.some((defect) => defect.name === name));
  const there = REFERENCE_DEFECTS.map(({ name }) => name).join(', ');
  if (names.length === 0) problems.push(`--defects names nothing; there is ${there}`);
  if (unknown.length > 0)
    problems.push(`--defects: there is no ${unknown.map((n) => `"${n}"`).join(', no ')}; there is ${there}`);
  return REFERENCE_DEFECTS.filter(({ name }) => names.includes(name));
}
