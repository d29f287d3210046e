/**
 * How often a comparison errs.
 *
 *   npm run bench:honesty [-- --pairs 400]        A/A pairs drawn from kept runs
 *   npm run bench:honesty -- --keep BATCH RUN …   judges these runs and keeps what a comparison reads of them
 *   npm run bench:honesty -- --fit                writes how far runs of one build lie apart: compare/between-runs.json
 */
import { appendFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { readKept } from '../harness/calibrate/results.ts';
import { judge } from '../harness/judge/judge.ts';
import { wilson } from '../harness/statistics/statistics.ts';
import { aaPairs, isFalse } from './honesty/aa.ts';
import { fitBetweenRuns } from './honesty/fit.ts';
import { POOL, readPool, slimmed } from './honesty/pool.ts';

const ROOT = path.join(import.meta.dirname, '..');

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    pairs: { type: 'string', default: '400' },
    seed: { type: 'string', default: '1' },
    keep: { type: 'string' },
    fit: { type: 'boolean', default: false },
  },
});

const calibrations = await readKept(path.join(ROOT, 'records', 'calibration'));

if (values.keep !== undefined) await keep(values.keep, positionals);
else if (values.fit) writeFit();
else fromKeptRuns();

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
  const file = path.join(ROOT, 'harness', 'compare', 'between-runs.json');
  writeFileSync(file, `${JSON.stringify({ from, ...fitBetweenRuns(groups, calibrations) }, null, 2)}\n`);
  console.log(`${file}: from ${from}`);
}

function fromKeptRuns(): void {
  const results = aaPairs(readPool(), calibrations, Number(values.pairs), Number(values.seed));
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

function share(count: number, total: number): string {
  const [low, high] = wilson(count, total) ?? [0, 1];
  const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
  return `${count} of ${total} (${percent(count / Math.max(1, total))}, 95 %: ${percent(low)} to ${percent(high)})`;
}
