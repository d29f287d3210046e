/**
 * What each remedy of #62561, #63581 and #66734 cures and breaks, on patched builds of the real Airflow.
 *
 *     npm run remedies -- --list                  what there is to run, and how long it takes
 *     npm run remedies -- [--runs 5] [RACE…]      plays what is missing: each run is kept in records/remedies.json
 *                                                 when it is judged, so that an interrupted round continues;
 *                                                 --most N: in parts of so many runs
 *     npm run remedies -- --docs                  writes the tables into docs/remedies.md
 *
 * Exit code: 0, 2 for wrong arguments, 4 if a run could not be made.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { messageOf } from '../harness/model/errors.ts';
import { flagsOf, seriesOf, seriesOptions, wholeNumberProblems } from './flags.ts';
import { judgedRun } from './judged-run.ts';
import { withParts } from './marked-parts.ts';
import { queried } from './program.ts';
import { CASES, REMEDY_RACES, type RemedyCase } from './remedies-cases.ts';
import { type RemedyRun, remedyTables } from './remedies-page.ts';

const { values, positionals } = flagsOf({
  allowPositionals: true,
  options: {
    ...seriesOptions(1),
    most: { type: 'string', default: '1000' },
    out: { type: 'string', default: 'runs/remedies' },
    list: { type: 'boolean', default: false },
    docs: { type: 'boolean', default: false },
  },
});
const root = path.join(import.meta.dirname, '..');
const data = path.join(root, 'records', 'remedies.json');
const page = path.join(root, 'docs', 'remedies.md');
const { runs, firstSeed, problems: wrongSeries } = seriesOf(values);
const most = Number(values.most);
const unknown = positionals.filter((name) => !REMEDY_RACES.includes(name));
const cases = CASES.filter(({ race }) => positionals.length === 0 || positionals.includes(race));

const problems = [
  ...wrongSeries,
  ...wholeNumberProblems('most', values.most, 1),
  ...unknown.map((name) => `There is no race "${name}": choose from ${REMEDY_RACES.join(', ')}.`),
];

if (problems.length > 0) {
  console.error(problems.join('\n'));
  process.exitCode = 2;
} else if (values.list) {
  for (const { race, scenario, build, seed, minutes } of missing())
    console.log(`${race} ${scenario} ${build}, seed ${seed}: ${minutes} minutes`);
  console.log(`${missing().reduce((sum, { minutes }) => sum + minutes, 0)} minutes`);
} else if (values.docs) {
  writeFileSync(page, withParts(readFileSync(page, 'utf8'), 'docs/remedies.md', { tables: remedyTables(kept()) }));
} else {
  for (const one of missing().slice(0, most)) await play(one);
}

interface Missing extends RemedyCase {
  readonly build: string;
  readonly seed: number;
}

/** The builds take turns: a machine that becomes slower affects all of them alike. */
function missing(): Missing[] {
  const there = kept();
  return Array.from({ length: runs }, (_, round) => firstSeed + round).flatMap((seed) =>
    cases.flatMap((one) =>
      one.builds
        .filter(
          ({ build }) =>
            !there.some((run) => run.scenario === one.scenario && run.build === build && run.seed === seed),
        )
        .map(({ build }) => ({ ...one, build, seed })),
    ),
  );
}

async function play({ race, scenario, build, seed, sql, measure }: Missing): Promise<void> {
  const folder = path.join(
    path.resolve(values.out),
    `${scenario}-${build.replaceAll(/patches\/[\d.]+\/|\.patch/g, '')}-${seed}`,
  );
  const began = performance.now();
  try {
    const judgement = await judgedRun(folder, { scenario, build, seed });
    const rows = await queried(folder, sql);
    const run: RemedyRun = {
      ...{ race, scenario, build, seed, at: new Date().toISOString().slice(0, 10), commit: commit() },
      took_s: Math.round((performance.now() - began) / 1000),
      measured: measure(judgement, rows),
    };
    writeFileSync(data, `${JSON.stringify([...kept(), run], null, 1)}\n`);
    console.error(`${build}, seed ${seed}: ${judgement.verdict} ${JSON.stringify(run.measured)}`);
  } catch (error) {
    console.error(`${build}, seed ${seed}: ${messageOf(error)}`);
    process.exitCode = 4;
  }
}

function kept(): RemedyRun[] {
  return existsSync(data) ? (JSON.parse(readFileSync(data, 'utf8')) as RemedyRun[]) : [];
}

function commit(): string {
  return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim();
}
