import { randomInt } from 'node:crypto';

import { FAULTS } from '../faults/index.ts';
import type { Planted } from '../model/calibration.ts';
import { UsageError } from '../model/errors.ts';
import { seconds } from '../run/plan.ts';
import { REFERENCE_DEFECTS } from '../stacks/defects.ts';

export interface CalibrateFlags {
  readonly defects?: string | undefined;
  readonly runs: number;
  readonly duration: string;
  readonly jobs: number;
  readonly clean?: number | undefined;
  readonly seed?: number | undefined;
  readonly faults?: string | undefined;
  readonly keep?: boolean | undefined;
  readonly out?: string | undefined;
  readonly baseline?: string | undefined;
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

/** Whatever is wrong with the flags is said at once. */
export function settingsOf(flags: CalibrateFlags): CalibrateSettings {
  const problems: string[] = [];
  const planted = plantedOf(flags.defects, problems);
  const whole = (flag: string, value: number | undefined, from: number, to: number) => {
    if (value !== undefined && !(Number.isInteger(value) && value >= from && value <= to)) {
      problems.push(`--${flag} must be a whole number from ${from} to ${to}, not ${value}`);
    }
  };
  whole('runs', flags.runs, 0, 1000);
  whole('clean', flags.clean, 0, 10_000);
  whole('jobs', flags.jobs, 1, 8);
  const durationS = seconds(flags.duration);
  if (durationS === undefined || durationS > 3600) {
    problems.push(`--duration must be like 30s or 2m, from 1s to 1h, not "${flags.duration}"`);
  }
  if (flags.seed !== undefined && !(Number.isSafeInteger(flags.seed) && flags.seed >= 0)) {
    problems.push(`--seed must be a whole number from 0, not ${flags.seed}`);
  }
  for (const words of flags.faults?.split(',') ?? []) {
    const [name = ''] = words.trim().split(':');
    if (name !== 'all' && !FAULTS.some((fault) => fault.name === name))
      problems.push(`--faults: there is no "${name}"; there is all, ${FAULTS.map((fault) => fault.name).join(', ')}`);
  }
  if (flags.runs === 0 && (flags.clean ?? 0) === 0) problems.push('--runs 0 without --clean leaves nothing to run');
  if (problems.length > 0) throw new UsageError(problems.join('\n'));
  return {
    planted,
    all: flags.defects === undefined,
    runs: flags.runs,
    durationS: durationS ?? 0,
    jobs: flags.jobs,
    clean: flags.clean,
    seed: flags.seed ?? randomInt(2 ** 31),
    faults: flags.faults ?? null,
  };
}

function plantedOf(text: string | undefined, problems: string[]): readonly Planted[] {
  if (text === undefined) return REFERENCE_DEFECTS;
  const names = [...new Set(text.split(',').map((name) => name.trim()))].filter((name) => name !== '');
  const unknown = names.filter((name) => !REFERENCE_DEFECTS.some((defect) => defect.name === name));
  const there = REFERENCE_DEFECTS.map(({ name }) => name).join(', ');
  if (names.length === 0) problems.push(`--defects names nothing; there is ${there}`);
  if (unknown.length > 0)
    problems.push(`--defects: there is no ${unknown.map((n) => `"${n}"`).join(', no ')}; there is ${there}`);
  return REFERENCE_DEFECTS.filter(({ name }) => names.includes(name));
}
