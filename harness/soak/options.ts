import type { Argv } from 'yargs';

import { METRICS_OPTIONS, type MetricsFlags } from '../console/metrics.ts';
import { KNOWN_OPTION } from '../known/options.ts';
import type { EngineFlags } from '../model/soak.ts';
import { engineOptions } from '../run/engine.ts';
import { OWN_INVARIANTS } from '../run/own-invariants.ts';
import { type PlanFlags, planOptions } from '../run/plan.ts';

export interface SoakFlags extends PlanFlags, EngineFlags, MetricsFlags {
  readonly scenario?: string | undefined;
  readonly build?: string | undefined;
  readonly target?: string | undefined;
  readonly window?: string | undefined;
  readonly stopOn?: readonly string[] | undefined;
  readonly keepWindows?: number | undefined;
  readonly disk?: string | undefined;
  readonly known?: string | undefined;
  readonly out?: string | undefined;
  readonly resume?: string | undefined;
  readonly json?: boolean | undefined;
}

/** Of a new soak. No defaults of yargs: with --resume none of them may be given. */
export const USUAL = { duration: '8h', window: '10m', keepWindows: 3, disk: '5GB' } as const;

export function soakOptions(args: Argv): Argv<SoakFlags> {
  return engineOptions(planOptions(args))
    .positional('scenario', { type: 'string', describe: 'A name from `list`, or a .ts file' })
    .option('build', { type: 'string', describe: 'What to install and start, e.g. airflow@3.2.2' })
    .option('target', { type: 'string', describe: 'The file of a running stack, e.g. from `windtunnel up`' })
    .option('window', {
      type: 'string',
      describe: `Length of a window (default: ${USUAL.window}); --duration is a whole number of windows`,
    })
    .option('stop-on', {
      type: 'string',
      array: true,
      describe: "A threshold in k6's syntax that ends the soak when a window violates it: 'deadlocks: count<1'",
    })
    .option('keep-windows', {
      type: 'number',
      describe: `How many of the newest windows without a violation keep their tables (default: ${USUAL.keepWindows})`,
    })
    .option('disk', { type: 'string', describe: `Disk limit of all windows (default: ${USUAL.disk})` })
    .options(OWN_INVARIANTS)
    .options(KNOWN_OPTION)
    .option('out', { type: 'string', describe: 'The folder of the soak (default: one below runs/)' })
    .option('resume', { type: 'string', describe: 'Continue the soak in this folder, with the plan stored there' })
    .options(METRICS_OPTIONS)
    .option('json', { type: 'boolean', describe: 'Print the index as one JSON document' }) as never;
}
