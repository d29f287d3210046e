import path from 'node:path';

import type { Argv } from 'yargs';

import { collectUsageErrors } from '../console/usage-errors.ts';
import { UsageError } from '../model/errors.ts';
import type { NightlyTrend } from '../model/trend.ts';
import { checkNewFile } from '../run-folder/out.ts';
import { readNights } from './sources.ts';
import { buildTrend } from './trend.ts';

/** Of each scenario. Searching grows with the square of it. */
const MOST_NIGHTS = 100;

export interface TrendFlags {
  readonly folders: readonly string[];
  readonly build?: string | undefined;
  readonly last?: number | undefined;
  readonly out?: string | undefined;
  readonly json?: boolean | undefined;
}

export function trendOptions(args: Argv): Argv<TrendFlags> {
  return args
    .positional('folders', {
      type: 'string',
      array: true,
      demandOption: true,
      describe: 'Folders of soaks and runs, which may lie deeper',
    })
    .option('build', { type: 'string', describe: 'Only nights of builds with this in their name' })
    .option('last', { type: 'number', describe: `So many of the newest nights (default: ${MOST_NIGHTS})` })
    .option('out', {
      type: 'string',
      describe: 'The page (default: trend.html in the first folder), and beside it .md',
    })
    .option('json', { type: 'boolean', describe: 'Print it as one JSON document, and write nothing' }) as never;
}

interface PlannedTrend {
  readonly trend: NightlyTrend;
  /** Undefined: nothing is written. */
  readonly out: string | undefined;
}

/** UsageError: all that is wrong with the flags, and with what they name. */
export async function resolveTrend({ folders, build, last, out, json }: TrendFlags): Promise<PlannedTrend> {
  const page = json ? undefined : path.resolve(out ?? path.join(folders[0] ?? '.', 'trend.html'));
  const [sources] = await collectUsageErrors(
    () => readNights(folders),
    async () => {
      if (last !== undefined && !(Number.isInteger(last) && last > 0))
        throw new UsageError(`--last must be a whole number from 1, not ${last}`);
    },
    async () => {
      if (json && out !== undefined)
        throw new UsageError('--json prints the trend, --out writes it: give one of them.');
      if (out !== undefined && !out.endsWith('.html')) throw new UsageError(`--out must end in .html, not "${out}".`);
      if (page !== undefined) checkNewFile(page, 'trend');
    },
  );
  const nights = sources.nights.filter(({ manifest }) => build === undefined || manifest.build.includes(build));
  if (nights.length === 0) {
    const builds = [...new Set(sources.nights.map(({ manifest }) => manifest.build))].sort();
    if (builds.length > 0)
      throw new UsageError(`No night is of a build with "${build}" in its name: there are ${builds.join(', ')}.`);
    throw new UsageError(
      ['There is no night with a verdict:', ...sources.leftOut.map((why) => `  - ${why}`)].join('\n'),
    );
  }
  const most = last ?? MOST_NIGHTS;
  const newest = [...new Set(nights.map(({ scenario }) => scenario))].flatMap((scenario) =>
    nights.filter((night) => night.scenario === scenario).slice(-most),
  );
  return { trend: buildTrend(newest, sources.leftOut), out: page };
}
