import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { CALIBRATION_FORMAT, type Calibration } from '../model/calibration.ts';
import { UsageError } from '../model/errors.ts';
import { flagNames } from '../run/flag-words.ts';
import { type CalibrateFlags, type CalibrateSettings, plantedOf } from './flags.ts';

/** What an interrupted calibration asked for, and what it has. Throws a UsageError that lists every problem. */
export function resumedFrom(flags: CalibrateFlags, resume: string, commit: string | null): Resumed {
  const { defects, runs, clean, duration, seed, faults, out } = flags;
  const given = flagNames({ defects, runs, clean, duration, seed, faults, out });
  const found = readResult(resume);
  const problems = [
    ...(given.length > 0 ? [`${resume} has its plan: --resume cannot be given with ${given.join(', ')}.`] : []),
    ...(typeof found === 'string' ? [found] : problemsOfResult(found, resume, commit)),
  ];
  if (problems.length > 0 || typeof found === 'string') throw new UsageError(problems.join('\n'));
  const { settings } = found;
  return {
    file: path.resolve(resume),
    begun: found,
    settings: {
      planted: plantedOf(settings.defects?.join(','), problems),
      all: settings.defects === null,
      runs: settings.runs,
      durationS: settings.duration_s,
      jobs: flags.jobs ?? settings.jobs,
      clean: settings.clean ?? undefined,
      seed: settings.seed,
      faults: settings.faults ?? null,
    },
  };
}

export interface Resumed {
  readonly file: string;
  readonly begun: Calibration;
  readonly settings: CalibrateSettings;
}

/** The result, or what is wrong with it. */
function readResult(file: string): Calibration | string {
  if (!existsSync(file)) return `The result ${file} does not exist.`;
  try {
    const found = JSON.parse(readFileSync(file, 'utf8')) as Partial<Calibration>;
    if (found.format === CALIBRATION_FORMAT && Array.isArray(found.runs) && found.settings) return found as Calibration;
  } catch {
    // Said below.
  }
  return `${file} is not the result of a calibration of this version.`;
}

/** A result speaks of one state of the code. */
function problemsOfResult(found: Calibration, file: string, commit: string | null): string[] {
  if (found.complete) return [`The calibration ${file} is complete: nothing is left to run.`];
  if (found.commit === commit) return [];
  return [`${file} was measured at ${found.commit}, and this is ${commit}: check that out, or begin a new one.`];
}
