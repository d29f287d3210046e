/**
 * The retry contract: what a release makes of an error of PostgreSQL at a statement of each kind of request.
 *
 *     npm run retry-contract                              docs/retry-contract.md from the kept runs
 *     npm run retry-contract -- --measure [BUILD…]        makes the runs that are missing first, and keeps each in
 *                 [--runs 5] [--first-seed 1]             records/retry-contract.json as soon as it is judged
 *                 [--out runs/retry-contract]
 *
 * A run takes about five minutes. Exit code: 0, 1 if what a run found has no explanation in
 * scripts/retry-contract/explanations.ts, 2 for wrong arguments, 4 if a run could not be made: the others are kept.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { messageOf } from '../harness/model/errors.ts';
import { flagsOf, seriesOf, seriesOptions } from './flags.ts';
import { answersOf } from './retry-contract/answers.ts';
import { type ContractRun, contractPage, unexplained, withContractRun } from './retry-contract/page.ts';
import { CONTRACT_BUILDS } from './retry-contract/plan.ts';

const { values, positionals } = flagsOf({
  allowPositionals: true,
  options: {
    measure: { type: 'boolean', default: false },
    ...seriesOptions(1),
    out: { type: 'string', default: 'runs/retry-contract' },
  },
});
const MINUTES = 5;
const root = path.join(import.meta.dirname, '..');
const data = path.join(root, 'records', 'retry-contract.json');
const page = path.join(root, 'docs', 'retry-contract.md');
const builds = positionals.length > 0 ? positionals : CONTRACT_BUILDS;

const { runs: wanted, firstSeed, problems } = seriesOf(values);

let runs: ContractRun[] = existsSync(data) ? (JSON.parse(readFileSync(data, 'utf8')) as ContractRun[]) : [];
if (problems.length > 0) {
  console.error(problems.join('\n'));
  process.exitCode = 2;
} else {
  try {
    if (values.measure) await measureMissing();
    writeFileSync(page, contractPage(readFileSync(page, 'utf8'), runs));
    const left = unexplained(runs);
    for (const finding of left) console.error(`NOT EXPLAINED: ${finding}`);
    process.exitCode = left.length > 0 ? 1 : 0;
  } catch (error) {
    console.error(messageOf(error));
    process.exitCode = 4;
  }
}

async function measureMissing(): Promise<void> {
  const seeds = Array.from({ length: wanted }, (_, i) => firstSeed + i);
  const missing = seeds
    .flatMap((seed) => builds.map((build) => ({ build, seed })))
    .filter(({ build, seed }) => !runs.some((run) => run.build === build && run.seed === seed));
  console.error(`${missing.length} runs are to be made: about ${missing.length * MINUTES} minutes.`);
  for (const { build, seed } of missing) await measure(build, seed);
}

/** One run; if it is stored already, it is judged again. Its result is kept at once. */
async function measure(build: string, seed: number): Promise<void> {
  const folder = path.resolve(values.out, `${build.replaceAll('/', '-')}-${seed}`);
  const run = await answersOf(folder, build, seed);
  runs = withContractRun(runs, run);
  writeFileSync(data, `[\n${runs.map((one) => JSON.stringify(one)).join(',\n')}\n]\n`);
  console.error(`${build}, seed ${seed}: ${run.answers.reduce((sum, { hits }) => sum + hits, 0)} answers`);
}
