/**
 * The table of #63266: 409s by request and by the state that was found, a minute, on 3.1.8 as released, with the guard
 * of schedule_tis (#60330), and with that of skip-downstream as well.
 *
 *     npm run conflicts                 docs/63266.md from the kept runs, records/63266.json
 *     npm run conflicts -- --measure    makes the runs that are missing, and keeps each as soon as it is made
 *              [--runs 5] [--first-seed 6001] [--stages 'as released,both guards'] [--out runs/63266]
 *              [--judge-again]          judges the runs that lie in --out again
 *
 * The stages take turns, and begin with another one each round: a machine that becomes slower affects all of them
 * alike. A run that is kept is not made again, so an interrupted table continues. How long it takes is said first; a
 * run takes about 100 s. Exit code: 0, 2 for wrong arguments, 4 if a run could not be made: the others are kept.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { messageOf } from '../harness/model/errors.ts';
import { seconds } from '../reports/words.ts';
import {
  type ConflictRun,
  conflictRun,
  conflictRunsJson,
  STAGES,
  type Stage,
  withConflictRuns,
  withConflictTable,
} from './conflicts-page.ts';
import { flagsOf, seriesOf, seriesOptions } from './flags.ts';
import { isStored, judgedRun, originOf } from './judged-run.ts';

const SCENARIO = 'branches';
/** Until there are runs that show it. */
const USUAL_S = 100;

const { values } = flagsOf({
  options: {
    measure: { type: 'boolean', default: false },
    'judge-again': { type: 'boolean', default: false },
    ...seriesOptions(6001),
    stages: { type: 'string', default: STAGES.map(({ name }) => name).join(',') },
    out: { type: 'string', default: 'runs/63266' },
  },
});
const { runs, firstSeed, problems: wrongSeries } = seriesOf(values);
const names = values.stages.split(',').map((name) => name.trim());
const chosen = STAGES.filter(({ name }) => names.includes(name));
const root = path.join(import.meta.dirname, '..');
const record = path.join(root, 'records', '63266.json');
const page = path.join(root, 'docs', '63266.md');
const out = path.resolve(values.out);

const problems = [
  ...wrongSeries,
  ...names
    .filter((name) => !STAGES.some((stage) => stage.name === name))
    .map((name) => `--stages: there is no "${name}": choose from ${STAGES.map((stage) => stage.name).join(', ')}.`),
];
if (problems.length > 0) {
  console.error(problems.join('\n'));
  process.exitCode = 2;
} else {
  try {
    if (values.measure || values['judge-again']) await measure();
  } catch (error) {
    console.error(messageOf(error));
    process.exitCode = 4;
  }
  writeFileSync(page, withConflictTable(readFileSync(page, 'utf8'), kept()));
}

interface Planned {
  readonly stage: Stage;
  readonly seed: number;
  readonly folder: string;
}

async function measure(): Promise<void> {
  const all = Array.from({ length: runs }, (_, round) =>
    turned(round).map((stage) => {
      const seed = firstSeed + round;
      return { stage, seed, folder: path.join(out, `${stage.name.replaceAll(' ', '-')}-${seed}`) };
    }),
  ).flat();
  const due = all.filter((run) => isDue(run));
  const times = kept().map(({ took_s }) => took_s);
  const each = times.length === 0 ? USUAL_S : times.reduce((sum, one) => sum + one, 0) / times.length;
  const fresh = due.filter(({ folder }) => !isStored(folder));
  console.error(
    `${fresh.length} of ${all.length} runs are to be made: about ${seconds(fresh.length * each)} ` +
      `(${seconds(each)} each). Those that are kept already: ${all.length - due.length}.`,
  );
  mkdirSync(out, { recursive: true });
  for (const one of due) {
    const run = await look(one);
    writeFileSync(record, conflictRunsJson(withConflictRuns(kept(), [run])));
    console.error(line(run));
  }
}

function turned(round: number): readonly Stage[] {
  const first = round % Math.max(1, chosen.length);
  return [...chosen.slice(first), ...chosen.slice(0, first)];
}

function isDue({ stage, seed, folder }: Planned): boolean {
  if (values['judge-again'] && isStored(folder)) return true;
  return values.measure && !kept().some((run) => run.stage === stage.name && run.seed === seed);
}

async function look({ stage, seed, folder }: Planned): Promise<ConflictRun> {
  const before = kept().find((run) => run.stage === stage.name && run.seed === seed);
  const stored = isStored(folder);
  const began = performance.now();
  const judgement = await judgedRun(folder, { scenario: SCENARIO, build: stage.build, seed });
  const took_s = stored ? (before?.took_s ?? USUAL_S) : (performance.now() - began) / 1000;
  return conflictRun(judgement, { stage: stage.name, took_s }, originOf(folder));
}

function kept(): ConflictRun[] {
  return existsSync(record) ? (JSON.parse(readFileSync(record, 'utf8')) as ConflictRun[]) : [];
}

function line({ stage, seed, conflicts, load_seconds, doubts }: ConflictRun): string {
  const found = Object.entries(conflicts).map(
    ([name, [n, wrong]]) => `${name} ${n}${wrong > 0 ? ` (${wrong} wrong)` : ''}`,
  );
  const doubt = doubts.length === 0 ? '' : `; in doubt: ${doubts.join(', ')}`;
  return `${stage}, seed ${seed}, ${load_seconds} s: ${found.join(', ') || 'no 409'}${doubt}`;
}
