import type { Argv } from 'yargs';

import { OWN_INVARIANTS } from '../run/own-invariants.ts';
import { type PlanFlags, planOptions } from '../run/plan.ts';

export interface UpgradeFlags extends PlanFlags {
  readonly scenario?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly wave: string;
  readonly parseAfter: string;
  readonly out?: string | undefined;
  readonly json?: boolean | undefined;
}

const USUAL = { scenario: 'many-dags', wave: '60s', parseAfter: '20s' } as const;

export function upgradeOptions(args: Argv): Argv<UpgradeFlags> {
  return planOptions(args)
    .positional('scenario', {
      type: 'string',
      default: USUAL.scenario,
      describe: 'A name from `list`, or a .ts file',
    })
    .option('from', { type: 'string', describe: 'The build in use, e.g. airflow@3.1.8' })
    .option('to', { type: 'string', describe: 'The build to upgrade to, e.g. airflow@3.2.2' })
    .option('wave', {
      type: 'string',
      default: USUAL.wave,
      describe: 'Duration of the load after the upgrade in which no DAG file is written',
    })
    .option('parse-after', {
      type: 'string',
      default: USUAL.parseAfter,
      describe: 'When the new dag-processor starts to read DAG files, after the beginning of that load',
    })
    .options(OWN_INVARIANTS)
    .option('out', { type: 'string', describe: 'The folder of the upgrade (default: one below runs/)' })
    .option('json', { type: 'boolean', describe: 'Print the index as one JSON document' }) as never;
}
