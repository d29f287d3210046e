import { existsSync } from 'node:fs';
import path from 'node:path';

import { KNOWN_RACES } from '../../harness/races/index.ts';
import { REFERENCE_DEFECTS } from '../../harness/stacks/defects.ts';
import { RELEASES } from '../../test/conformance/recording.ts';
import { CASES, REMEDY_RACES } from '../remedies-cases.ts';
import type { EvidenceRecord, Round, StepResult } from './records.ts';

/**
 * Evidence that takes minutes to hours, in steps: what a completed step showed is kept when the round is interrupted.
 */
export interface Evidence {
  readonly name: string;
  readonly title: string;
  /** What a person types to get the same. */
  readonly command: string;
  /** Empty if the evidence does not exist yet: then `missing` says why. */
  readonly steps: readonly Step[];
  /** A file of its work folder with the figures, which is kept beside the record under its own name. */
  readonly keeps?: string;
  readonly missing?: string;
}

export interface Step {
  readonly name: string;
  /** Minutes that it takes on two cores; used until a record has a measured time. */
  readonly minutes: number;
  /** What runs it; absent: node. */
  readonly program?: string;
  /** Its arguments. `work`: a folder of the evidence that is kept until all its steps are done. */
  readonly args: (context: StepContext) => readonly string[];
}

export interface StepContext {
  readonly work: string;
  /** Drawn once a round, so that each round has fresh runs. */
  readonly seed: number;
}

const root = path.join(import.meta.dirname, '..', '..');
const WINDTUNNEL = path.join(root, 'bin', 'windtunnel.mjs');
const TABLE_RUNS = 5;
const DEFECTS_A_STEP = 5;
/** Runs that each defect gets, and the clean runs of a step. */
const CALIBRATION = ['--runs', '2', '--clean', '2', '--jobs', '3'];
const SOAK = ['soak', 'seeds', '--build', 'reference', '--duration', '60m', '--window', '10m', '--disk', '2GB'];

const script = (name: string, ...args: readonly string[]) => [
  '--import',
  './bin/typescript.mjs',
  `scripts/${name}.ts`,
  ...args,
];
const vitest = (project: string, ...words: readonly string[]) => [
  ...['node_modules/vitest/vitest.mjs', 'run', '--project', project],
  ...words,
];
const DOCUMENTED = 'test/documented.night.test.ts';

const truthTable: Evidence = {
  name: 'truth-table',
  title: `The four seed races on four releases, ${TABLE_RUNS} seeds each: every cell as expected`,
  command: `npm run truth-table -- --runs ${TABLE_RUNS}`,
  keeps: path.join('runs', 'truth-table.md'),
  steps: Array.from({ length: TABLE_RUNS }, (_, i) => ({
    name: `seed ${i + 1} of ${TABLE_RUNS}`,
    minutes: 7,
    // Earlier runs lie in the folder and are only judged again.
    args: ({ work, seed }) =>
      script('truth-table', '--runs', String(i + 1), '--first-seed', String(seed), '--out', path.join(work, 'runs')),
  })),
};

const trackRecord: Evidence = {
  name: 'track-record',
  title: 'Each known race found again, on the reference stack and on one release',
  command: 'npm run track-record -- --replay affordable',
  steps: KNOWN_RACES.filter(({ trial }) => trial !== null).map(({ name, reference }) => ({
    name,
    minutes: reference === null ? 3 : 4,
    args: ({ work }) => script('track-record', '--replay', 'affordable', name, '--out', path.join(work, 'runs')),
  })),
};

const calibration: Evidence = {
  name: 'calibration',
  title: 'Every defect of the reference stack found, and the clean stack without a violation',
  command: `windtunnel calibrate ${CALIBRATION.join(' ')}`,
  steps: chunks(
    REFERENCE_DEFECTS.map(({ name }) => name),
    DEFECTS_A_STEP,
  ).map((names, i) => ({
    name: names.join(', '),
    minutes: 6,
    args: ({ work, seed }) => {
      const file = fresh(work, `calibration-${i + 1}`, '.json');
      const own = ['--seed', String(seed + 1_000 * i), '--out', file];
      return [WINDTUNNEL, 'calibrate', '--defects', names.join(','), ...CALIBRATION, ...own];
    },
  })),
};

/** Under any load and any fault, with 1 to 3 schedulers. */
const HEALTHY = ['--runs', '0', '--clean', '5', '--faults', 'all', '--duration', '60s', '--jobs', '2'];

const healthy: Evidence = {
  name: 'healthy',
  title: 'The clean stack under forty loads with faults: no violation, and nearly all that is aimed at exercised',
  command: 'windtunnel calibrate --runs 0 --clean 40 --faults all --duration 60s --jobs 2',
  steps: Array.from({ length: 8 }, (_, i) => ({
    name: `runs ${5 * i + 1} to ${5 * i + 5}`,
    minutes: 4,
    args: ({ work, seed }) => {
      const file = fresh(work, `healthy-${i + 1}`, '.json');
      return [WINDTUNNEL, 'calibrate', ...HEALTHY, '--seed', String(seed + 1_000 * i), '--out', file];
    },
  })),
};

const remedies: Evidence = {
  name: 'remedies',
  title: 'One run of each remedy of #62561, #63581 and #66734 on patched releases',
  command: 'npm run remedies -- --runs 1',
  steps: REMEDY_RACES.map((race) => {
    const own = CASES.filter((one) => one.race === race);
    return {
      name: `${race}, ${own.map(({ scenario }) => scenario).join(' and ')}`,
      minutes: own.reduce((sum, { minutes, builds }) => sum + minutes * builds.length, 0),
      args: ({ work, seed }: StepContext) =>
        script('remedies', race, '--runs', '1', '--first-seed', String(seed), '--out', path.join(work, 'runs')),
    };
  }),
};

const conformance: Evidence = {
  name: 'conformance',
  title: 'The reference stack answers as four releases did when they were recorded',
  command: 'npm run conformance',
  steps: [{ name: 'recorded', minutes: 2, args: () => script('conformance') }],
};

const conformanceLive: Evidence = {
  name: 'conformance-live',
  title: 'The reference stack answers as four releases do now',
  command: `npm run conformance -- ${RELEASES.map((release) => `airflow@${release}`).join(' ')}`,
  steps: RELEASES.map((release) => ({
    name: release,
    minutes: 4,
    args: () => script('conformance', `airflow@${release}`),
  })),
};

const soak: Evidence = {
  name: 'soak',
  title: 'An hour of load on the clean reference stack, every window judged and none with a violation',
  command: `windtunnel ${SOAK.join(' ')}`,
  steps: [
    {
      name: '6 windows',
      minutes: 66,
      args: ({ work, seed }) => {
        const folder = path.join(work, 'soak');
        if (existsSync(path.join(folder, 'soak.json'))) return [WINDTUNNEL, 'soak', '--resume', folder];
        return [WINDTUNNEL, ...SOAK, '--seed', String(seed), '--out', folder];
      },
    },
  ],
};

const testAll: Evidence = {
  name: 'test:all',
  title: 'Every test that needs no hours',
  command: 'npm run test:all',
  steps: [
    { name: 'lint', minutes: 1, args: () => ['node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings'] },
    { name: 'types', minutes: 1, args: () => ['node_modules/typescript/bin/tsc', '--noEmit'] },
    { name: 'pure', minutes: 4, args: () => vitest('pure') },
    { name: 'db', minutes: 3, args: () => vitest('db') },
    { name: 'e2e', minutes: 10, args: () => vitest('e2e') },
    { name: 'long', minutes: 35, args: () => vitest('long') },
  ],
};

const STARTERS = ['windtunnel run', 'windtunnel soak', 'windtunnel compare', 'windtunnel calibrate', 'npm run bench'];

const documented: Evidence = {
  name: 'documented',
  title: 'The commands in the documents that take minutes work, with their load cut to seconds',
  command: 'npm run documented',
  steps: STARTERS.map((word) => ({ name: word, minutes: 15, args: () => vitest('night', DOCUMENTED, '-t', word) })),
};

const besideOthers: Evidence = {
  name: 'beside-others',
  title: 'A run on a target with tasks of others: their rows stay as they are',
  command: 'npx vitest run --project night test/beside.night.test.ts',
  steps: [{ name: 'beside a LocalExecutor', minutes: 5, args: () => vitest('night', 'test/beside.night.test.ts') }],
};

const movedClocks: Evidence = {
  name: 'moved-clocks',
  title: 'A clock that is off by half a second or by two, or a harness that is stopped, is no violation',
  command: 'npx vitest run --project night test/clocks.night.test.ts test/own-pause.night.test.ts',
  steps: [
    { name: '±0.5 and ±2 s', minutes: 11, args: () => vitest('night', 'test/clocks.night.test.ts') },
    { name: 'windtunnel stopped', minutes: 3, args: () => vitest('night', 'test/own-pause.night.test.ts') },
  ],
};

const deaths: Evidence = {
  name: 'database-deaths',
  title: 'The database of a target dies in each way: the run ends, blames no build, and leaves nothing',
  command: 'npx vitest run --project night test/database-deaths.night.test.ts',
  steps: [
    { name: 'deaths of a database', minutes: 6, args: () => vitest('night', 'test/database-deaths.night.test.ts') },
  ],
};

const upgraded: Evidence = {
  name: 'upgrade',
  title: 'The DAG runs of 3.1.8 go on on 3.2.1, and each patch that is kept fits its release',
  command: 'npx vitest run --project night test/upgrade.night.test.ts test/patches.night.test.ts',
  steps: [
    { name: 'upgrade', minutes: 5, args: () => vitest('night', 'test/upgrade.night.test.ts') },
    { name: 'patches', minutes: 3, args: () => vitest('night', 'test/patches.night.test.ts') },
  ],
};

const realWorkers: Evidence = {
  name: 'real-workers',
  title: 'Real workers of four releases, and one that is killed for a task that #63266 skipped',
  command: 'npx vitest run --project night test/real-workers.night.test.ts',
  steps: [{ name: 'real workers', minutes: 8, args: () => vitest('night', 'test/real-workers.night.test.ts') }],
};

const REPLAYS = 'test/replay.night.test.ts';
const STEPS = 'test/replay-steps.night.test.ts';

const replays: Evidence = {
  name: 'replays',
  title: 'Each race file breaks a build with the race and none without it, and needs each of its steps',
  command: `npx vitest run --project night ${REPLAYS} ${STEPS}`,
  steps: [
    { name: 'reference stack', minutes: 25, args: () => vitest('night', REPLAYS, '-t', 'on reference') },
    { name: 'releases', minutes: 60, args: () => vitest('night', REPLAYS, '-t', 'on airflow') },
    { name: 'without each step', minutes: 60, args: () => vitest('night', STEPS) },
  ],
};

const KILLS = ['--kills', '60'];

const kills: Evidence = {
  name: 'kills',
  title: 'A harness killed 60 times in all phases of a run on a target, and healed: nothing is left',
  command: `npm run kill-on-target -- --seed N ${KILLS.join(' ')}`,
  keeps: path.join('kills', 'kills.ndjson'),
  steps: [
    {
      name: '60 kills',
      minutes: 30,
      // What was done lies in the folder, and is not done again.
      args: ({ work, seed }) =>
        script('kill-on-target', '--seed', String(seed), ...KILLS, '--out', path.join(work, 'kills')),
    },
  ],
};

/** With the hashes of check-statistics.py.lock: `uv run --with` would take other versions, and look at no hash. */
const CHECK_STATISTICS = ['run', '--locked', '--script', 'test/check-statistics.py'];

const statistics: Evidence = {
  name: 'statistics',
  title: 'The statistics of comparisons and soaks agree with scipy and statsmodels',
  command: `uv ${CHECK_STATISTICS.join(' ')}`,
  steps: [{ name: 'all cases', minutes: 3, program: 'uv', args: () => CHECK_STATISTICS }],
};

const containers: Evidence = {
  name: 'containers',
  title: 'The compose stack in containers, built and run',
  command: '',
  steps: [],
  missing: 'no script runs the images yet',
};

export const EVIDENCE: readonly Evidence[] = [
  truthTable,
  trackRecord,
  calibration,
  healthy,
  remedies,
  conformance,
  conformanceLive,
  soak,
  testAll,
  documented,
  besideOthers,
  movedClocks,
  deaths,
  upgraded,
  realWorkers,
  replays,
  kills,
  statistics,
  containers,
];

function chunks<T>(items: readonly T[], size: number): T[][] {
  const count = Math.ceil(items.length / size);
  return Array.from({ length: count }, (_, i) => items.slice(i * size, (i + 1) * size));
}

/** A file that is not there yet: an interrupted step may have left its own. */
function fresh(folder: string, name: string, extension: string): string {
  for (let attempt = 1; ; attempt++) {
    const file = path.join(folder, `${name}${attempt === 1 ? '' : `-${attempt}`}${extension}`);
    if (!existsSync(file)) return file;
  }
}

/** Time that is left free at the end of the budget: a step that must be stopped takes its stack down first. */
export const GRACE_S = 90;

/** What remains to do for an evidence in this round. */
export interface Due {
  readonly evidence: Evidence;
  readonly done: readonly StepResult[];
  readonly steps: readonly Step[];
}

/**
 * The evidence that the round still lacks: what was never recorded first, then the oldest record, whatever its result,
 * so that evidence that fails does not keep the others waiting.
 */
export function dueIn(all: readonly Evidence[], records: readonly EvidenceRecord[], round: Round): Due[] {
  const age = ({ name }: Evidence) => records.find((record) => record.name === name)?.ended_at ?? '';
  return all
    .filter(({ name, steps }) => steps.length > 0 && !round.completed.includes(name))
    .toSorted((a, b) => age(a).localeCompare(age(b)))
    .map((evidence) => {
      const done = round.steps[evidence.name] ?? [];
      return { evidence, done, steps: evidence.steps.filter((step) => !done.some(({ name }) => name === step.name)) };
    });
}

/** Seconds that a step will take: as it last took, or as its evidence says. */
export function estimateS(evidence: Evidence, step: Step, records: readonly EvidenceRecord[]): number {
  const record = records.find(({ name }) => name === evidence.name);
  return record?.steps.find(({ name }) => name === step.name)?.seconds ?? step.minutes * 60;
}

/** Whether a step can end within the budget. */
export function fits(estimate: number, elapsedS: number, budgetS: number): boolean {
  return elapsedS + estimate + GRACE_S <= budgetS;
}
