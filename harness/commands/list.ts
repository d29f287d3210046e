import type { CommandModule } from 'yargs';

import { SCENARIOS } from '../../workloads/catalogue.ts';
import { listInvariants } from '../judge/invariants.ts';
import { knownReleases } from '../stacks/airflow-releases.ts';

export const listCommand: CommandModule<object, { readonly json?: boolean | undefined }> = {
  command: 'list',
  describe: 'Scenarios, builds and invariants: what there is',
  builder: (args) => args.option('json', { type: 'boolean', describe: 'Print one JSON document' }),

  async handler({ json }) {
    const scenarios = SCENARIOS.map(({ name, describe, duration_s, schedulers, aims }) => ({
      name,
      describe,
      duration_s,
      schedulers,
      aims,
    }));
    const invariants = (await listInvariants()).map(({ name, claim, seeds }) => ({ name, claim, seeds }));
    const builds = knownReleases().map((version) => `airflow@${version}`);
    if (json) {
      process.stdout.write(`${JSON.stringify({ scenarios, builds, invariants }, null, 2)}\n`);
      return;
    }
    const width = Math.max(...[...scenarios, ...invariants].map(({ name }) => name.length));
    console.log('Scenarios: windtunnel run SCENARIO --build BUILD');
    for (const { name, describe, duration_s } of scenarios)
      console.log(`  ${name.padEnd(width)}  ${describe} (${duration_s} s)`);
    console.log('\nBuilds: any Airflow from 3.1.0 on, as airflow@VERSION; for example');
    console.log(`  ${builds.join('  ')}`);
    console.log('\nInvariants: what a build promises');
    for (const { name, claim, seeds } of invariants)
      console.log(`  ${name.padEnd(width)}  ${claim}${seeds.length > 0 ? ` (${seeds.join(', ')})` : ''}`);
  },
};
