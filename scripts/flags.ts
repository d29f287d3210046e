import { type ParseArgsConfig, parseArgs } from 'node:util';

import { messageOf } from '../harness/model/errors.ts';

/** The flags of a script or a bench. If they cannot be read, says so in a sentence and ends with exit code 2. */
export function flagsOf<const T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    // Node explains an unknown option in several sentences.
    console.error(`${messageOf(error).split('. ')[0]?.replace(/\.$/, '')}.`);
    process.exit(2);
  }
}

/** For `flagsOf`: how many runs of each build, and the seed of the first. */
export function seriesOptions(firstSeed: number) {
  return {
    runs: { type: 'string', default: '5' },
    'first-seed': { type: 'string', default: String(firstSeed) },
  } as const;
}

export interface Series {
  readonly runs: number;
  readonly firstSeed: number;
  /** What is wrong with the flags, a sentence each. */
  readonly problems: readonly string[];
}

export function seriesOf(values: { readonly runs: string; readonly 'first-seed': string }): Series {
  const [runs, firstSeed] = [Number(values.runs), Number(values['first-seed'])];
  return {
    runs,
    firstSeed,
    problems: [
      ...wholeNumberProblems('runs', values.runs, 1),
      ...wholeNumberProblems('first-seed', values['first-seed'], 0),
    ],
  };
}

/** None, or that a flag has no whole number, or a smaller one. */
export function wholeNumberProblems(flag: string, given: string, least: number): string[] {
  const value = Number(given);
  if (Number.isSafeInteger(value) && value >= least) return [];
  return [`--${flag} must be a whole number from ${least}, not "${given}".`];
}
