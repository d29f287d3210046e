/**
 * How often a comparison errs.
 *
 *   npm run bench:honesty                         A/A pairs drawn from kept runs, and what stopping early does
 *   npm run bench:honesty -- --pairs 400 --comparisons 1000 --trials 60 --seed 1
 *   npm run bench:honesty -- --keep BATCH RUN …   judges these runs and keeps what a comparison reads of them
 *   npm run bench:honesty -- --fit                writes how far runs of one build lie apart: between-runs.json
 */
import { appendFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { readKept } from '../harness/calibrate/results.ts';
import { judge } from '../harness/judge/judge.ts';
import type { Comparison } from '../harness/model/comparison.ts';
import { groupBy } from '../harness/model/group-by.ts';
import { Rng } from '../harness/model/rng.ts';
import { isValidRun } from '../harness/model/verdict.ts';
import { BETWEEN_RUNS, type BetweenRuns } from '../harness/statistics/between-runs.ts';
import { plannedLooks } from '../harness/statistics/spending.ts';
import { wilson } from '../harness/statistics/statistics.ts';
import { flagsOf } from './flags.ts';
import { aaPairs, isFalse } from './honesty/aa.ts';
import { type PowerTrials, powerTrials } from './honesty/doubled.ts';
import { fitBetweenRuns } from './honesty/fit.ts';
import { type Group, POOL, readPool, slimmed } from './honesty/pool.ts';
import {
  drawnComparison,
  type Errors,
  errorsOf,
  type KeptBuilds,
  keptCounts,
  losingMore,
  simulatedCounts,
} from './honesty/stopping.ts';

const ROOT = path.join(import.meta.dirname, '..');

const { values, positionals } = flagsOf({
  allowPositionals: true,
  options: {
    pairs: { type: 'string', default: '400' },
    comparisons: { type: 'string', default: '1000' },
    trials: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    keep: { type: 'string' },
    fit: { type: 'boolean', default: false },
  },
});

const seed = Number(values.seed);
const calibrations = await readKept(path.join(ROOT, 'records', 'calibration'));

if (values.keep !== undefined) await keep(values.keep, positionals);
else if (values.fit) writeFit();
else {
  if (Number(values.pairs) > 0) fromKeptRuns();
  if (Number(values.comparisons) > 0) stoppingEarly(Number(values.comparisons));
  if (Number(values.trials) > 0) await releases(Number(values.trials));
  if (Number(values.trials) > 0) doubledRates(Number(values.trials));
}

async function keep(batch: string, runs: readonly string[]): Promise<void> {
  for (const run of runs) {
    const judgement = await judge(run);
    appendFileSync(POOL, `${JSON.stringify({ batch, ...slimmed(judgement) })}\n`);
    console.log(`${run}: kept`);
  }
}

function writeFit(): void {
  const groups = readPool();
  const runs = groups.reduce((sum, group) => sum + group.runs.length, 0);
  const from =
    `${runs} runs in ${groups.length} batches (scripts/honesty/runs.ndjson) and ${calibrations.length} calibrations ` +
    '(records/calibration); npm run bench:honesty -- --fit';
  const file = path.join(ROOT, 'harness', 'statistics', 'between-runs.json');
  writeFileSync(file, `${JSON.stringify({ from, ...fitBetweenRuns(groups, calibrations) }, null, 2)}\n`);
  console.log(`${file}: from ${from}`);
}

function fromKeptRuns(): void {
  const results = aaPairs(readPool(), calibrations, Number(values.pairs), seed);
  const wrong = results.filter(({ comparison }) => isFalse(comparison));
  console.log(`A/A from kept runs: ${share(wrong.length, results.length)} false differences`);
  for (const runs of [...new Set(results.map((one) => one.runs))].sort((x, y) => x - y)) {
    const same = results.filter((one) => one.runs === runs);
    const silent = same.filter(({ comparison }) => comparison.decision === 'cannot say').length;
    const errors = same.filter(({ comparison }) => isFalse(comparison)).length;
    console.log(`  ${runs} a side: ${errors} of ${same.length} false, ${silent} "cannot say"`);
  }
  for (const { group, runs, comparison } of wrong) console.log(`  ${group}, ${runs} a side: ${comparison.sentence}`);
  const tests = results.flatMap(({ comparison }) => comparison.pairs.flatMap((pair) => pair.tests));
  const counted = tests.filter(({ a, b }) => a + b > 0);
  const measures = results.flatMap(({ comparison }) => comparison.pairs.flatMap((pair) => pair.measures));
  const below = (all: readonly { readonly p_value: number }[]) => all.filter(({ p_value }) => p_value < 0.05).length;
  console.log(`  single counts with p < 0.05: ${share(below(counted), counted.length)}`);
  console.log(`  single measures with p < 0.05: ${share(below(measures), measures.length)}`);
  const outside = measures.filter(({ interval: [low, high] }) => low > 1 || high < 1).length;
  console.log(`  measures with a 95 % interval that leaves out 1: ${share(outside, measures.length)}`);
}

/** How often looks find a difference of a build with itself: of simulated counts, and of the counts of kept runs. */
function stoppingEarly(comparisons: number): void {
  const known = BETWEEN_RUNS.counts.wrongs;
  const groups = readPool();
  for (const most of [3, 5, 8]) {
    const rng = new Rng(seed, 'counts', most);
    for (const counts of [1, 8]) {
      const draw = () => simulatedCounts(known, counts, most, rng);
      say(`${counts} simulated, up to ${most} runs a side`, errorsOf(known, most, comparisons, draw));
    }
    for (const { name, runs } of groups.map((one) => ({ ...one, runs: one.runs.filter(isValidRun) }))) {
      if (runs.length < 2 * most) continue;
      const draw = () => keptCounts(runs, most, rng);
      say(`${name}, up to ${most} runs a side`, errorsOf(knownWithout([name]).counts.wrongs, most, comparisons, draw));
    }
  }
}

/** Two releases by their kept runs, which are drawn: how soon the difference is clear, and what is then overlooked. */
async function releases(times: number): Promise<void> {
  const groups = readPool();
  const isValid = ({ runs }: Group) => runs.every(isValidRun);
  const [old, fixed] = ['3.2.1', '3.2.2'].map((version) =>
    groups.find((group) => group.name.startsWith(`airflow@${version}, seeds`) && isValid(group)),
  );
  if (old === undefined || fixed === undefined) return;
  const between = knownWithout([old.name, fixed.name]);
  const losing = { builds: [old.runs, losingMore(fixed.runs)], between };
  for (const planned of [[3], plannedLooks(3)]) {
    await drawn('3.2.1 with 3.2.2', { builds: [old.runs, fixed.runs], between }, planned, times);
    await drawn('3.2.1 with a 3.2.2 that loses twice as many writes', losing, planned, times);
  }
}

function say(what: string, { comparisons, looking, once, peeking }: Errors): void {
  console.log(`A/A, ${what}: ${share(looking, comparisons)} false differences`);
  console.log(`  with all runs ${share(once, comparisons)}; at p < 0.05 of any look ${share(peeking, comparisons)}`);
}

function knownWithout(names: readonly string[]): BetweenRuns {
  return fitBetweenRuns(
    readPool().filter(({ name }) => !names.includes(name)),
    calibrations,
  );
}

async function drawn(title: string, builds: KeptBuilds, planned: readonly number[], times: number): Promise<void> {
  const rng = new Rng(seed, title, ...planned);
  const results: Comparison[] = [];
  for (let index = 0; index < times; index++) results.push(await drawnComparison(builds, planned, rng));
  const made = results.reduce((sum, { a }) => sum + a.runs.length, 0) / times;
  const decisions = [...groupBy(results, ({ decision }) => decision)].map(([name, { length }]) => `${name} ${length}`);
  console.log(`${title}, looks after ${planned.join(', ')} runs a side: of ${times} ${decisions.join(', ')}`);
  console.log(`  ${made.toFixed(2)} runs a side on average`);
}

function doubledRates(trials: number): void {
  const all = powerTrials(BETWEEN_RUNS, trials, seed);
  for (const { rate, spread, pilot, ...one } of all) {
    const [asked, made] = [one.asked, one.made].map((runs) => (runs / trials).toFixed(1));
    console.log(
      `doubled rate, ${rate} events a run, spread ${spread}, pilot of ${pilot}: asked for ${asked} runs a side; ` +
        `of ${trials} all runs see it in ${one.fixed}, looks in ${one.looking}, after ${made}; ` +
        `over 100: ${one.unanswered}; false ${one.fixedFalse} and ${one.lookingFalse}`,
    );
  }
  const sum = (of: (one: PowerTrials) => number) => all.reduce((total, one) => total + of(one), 0);
  const total = sum((one) => one.trials);
  console.log(
    `doubled rates, ${total} in all: all runs see ${share(
      sum(({ fixed }) => fixed),
      total,
    )}`,
  );
  console.log(
    `  looks see ${share(
      sum(({ looking }) => looking),
      total,
    )}`,
  );
  console.log(
    `  without a difference: ${share(
      sum(({ lookingFalse }) => lookingFalse),
      total,
    )} false differences`,
  );
}

function share(count: number, total: number): string {
  const [low, high] = wilson(count, total) ?? [0, 1];
  const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
  return `${count} of ${total} (${percent(count / Math.max(1, total))}, 95 %: ${percent(low)} to ${percent(high)})`;
}
