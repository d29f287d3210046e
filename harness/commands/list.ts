import { visibleLines } from '../../reports/words.ts';
import type { CliCommand } from '../console/command.ts';
import { FAULTS } from '../faults/index.ts';
import { listInvariants, readOwnInvariants } from '../judge/invariants.ts';
import { DRAWN, SCENARIOS } from '../run/catalogue.ts';
import { keptPatches } from '../stacks/airflow/kept-patches.ts';
import { knownReleases } from '../stacks/airflow/releases.ts';
import { REFERENCE_DEFECTS } from '../stacks/defects.ts';

export const listCommand: CliCommand<{
  readonly json?: boolean | undefined;
  readonly invariants?: string | undefined;
}> = {
  builder: (args) =>
    args
      .option('invariants', { type: 'string', describe: 'A folder with invariants of your own, listed as well' })
      .option('json', { type: 'boolean', describe: 'Print one JSON document' }),

  async handler({ json, invariants: folder }) {
    const own = await readOwnInvariants(folder);
    const scenarios = SCENARIOS.map(({ name, describe, duration_s, schedulers, aims }) => ({
      name,
      describe,
      duration_s,
      schedulers,
      aims,
    }));
    const invariants = (await listInvariants(own)).map(({ name, claim, known_issues }) => ({
      name,
      claim,
      known_issues,
    }));
    const drawn = DRAWN.map(({ name, describe }) => ({ name, describe }));
    const faults = FAULTS.map(({ name, describe }) => ({ name, describe }));
    const builds = [...knownReleases().map((version) => `airflow@${version}`), 'reference'];
    const patches = keptPatches().map(({ release, build, says }) => ({ release, build, says }));
    const defects = REFERENCE_DEFECTS.map(({ name, kind, race, summary, story, caughtBy, scenario, on }) => ({
      name,
      kind,
      race,
      summary,
      story,
      caught_by: caughtBy,
      scenario,
      on,
    }));
    if (json) {
      process.stdout.write(
        `${JSON.stringify({ scenarios, drawn, builds, patches, faults, invariants, defects }, null, 2)}\n`,
      );
      return 0;
    }
    const width = Math.max(
      ...[...scenarios, ...drawn, ...faults, ...invariants, ...defects].map(({ name }) => name.length),
    );
    console.log('Scenarios: windtunnel run SCENARIO --build BUILD');
    for (const { name, describe, duration_s } of scenarios)
      console.log(`  ${name.padEnd(width)}  ${describe} (${duration_s} s)`);
    for (const { name, describe } of drawn) console.log(`  ${name.padEnd(width)}  ${describe}`);
    console.log('\nFaults: --faults NAME,NAME or --faults all');
    for (const { name, describe } of faults) console.log(`  ${name.padEnd(width)}  ${describe}`);
    console.log('\nBuilds: any Airflow from 3.1.0 on, as airflow@VERSION, and the reference stack; for example');
    console.log(`  ${builds.join('  ')}`);
    if (patches.length > 0)
      console.log('\nPatches: --build airflow@VERSION+FILE, or several: airflow@VERSION+FILE+FILE');
    for (const { build, says } of patches) console.log(`  ${build}\n  ${' '.repeat(width)}  ${says}`);
    console.log('\nInvariants: what must hold');
    for (const { name, claim, known_issues } of invariants)
      console.log(
        visibleLines(
          `  ${name.padEnd(width)}  ${claim}${known_issues.length > 0 ? ` (${known_issues.join(', ')})` : ''}`,
        ),
      );
    console.log(
      '\nDefects and remedies of the reference stack: --build reference+NAME, or several: reference+NAME+NAME',
    );
    for (const { name, kind, race, summary } of REFERENCE_DEFECTS)
      console.log(`  ${name.padEnd(width)}  ${summary} (${[kind, race ?? ''].join(' ').trim()})`);
    console.log('\nHow surely each is found: docs/calibration.md. Details of each: `windtunnel list --json`.');
    return 0;
  },
};
