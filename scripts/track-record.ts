/**
 * The track record: each known race, found again.
 *
 *     npm run track-record                           records/track-record.md from the kept runs
 *     npm run track-record -- --measure [RACE]       makes the runs that are missing in --out and keeps their results
 *                                                    in records/track-record/runs.json
 *     npm run track-record -- --from RUN [RACE]      keeps what a stored run or replay says of each race
 *     npm run track-record -- --forced [RACE]        plays the scripts of races that were not kept yet, --times 20
 *                                                    each, where the race is and where it is not, and keeps them in
 *                                                    records/track-record/forced.json; says how long that takes.
 *                                                    --on BUILD: only there; --within 4: as fits into four minutes
 *     npm run track-record -- --replay affordable    each race on the reference stack and on one release; exit code 1
 *                                                    if a race is no longer found
 *     npm run track-record -- --replay reference     the same on the reference stack alone, which needs no Python
 *
 * A run takes about 75 s on a release and half of that on the reference stack: --measure of everything takes an hour,
 * --replay affordable half an hour.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import type { Replay } from '../harness/model/replay.ts';
import type { Judgement } from '../harness/model/verdict.ts';
import { KNOWN_RACES, type KnownRace, scriptBuilds } from '../harness/races/index.ts';
import { shippedRaces } from '../harness/replay/resolve.ts';
import { flagsOf, wholeNumberProblems } from './flags.ts';
import { judgedRun, originOf } from './judged-run.ts';
import { windtunnel } from './program.ts';
import {
  type ForcedRun,
  forcedRun,
  type TrackRun,
  trackRecordMarkdown,
  trackRun,
  trackRunsJson,
  withForced,
  withRuns,
} from './track-record-page.ts';

/** A race does not show in every run: it counts as lost only after three runs in a row without it. */
const TRIES = 3;
const REPLAY = 'replay.json';
/** Of a script, at most. */
const CONTROLS = 6;
/** An episode of a race that was not forced yet, and a start of a stack, take about so long. */
const EPISODE_S = 4.5;
const STACK_S = 30;
/** Far beyond what the episodes of a file take. */
const REPLAY_MS = 20 * 60_000;
/** Far beyond what it takes to judge ten minutes of load. */
const CHECK_MS = 5 * 60_000;

type Tried = KnownRace & { readonly trial: NonNullable<KnownRace['trial']> };

const { values, positionals } = flagsOf({
  allowPositionals: true,
  options: {
    measure: { type: 'boolean', default: false },
    from: { type: 'string' },
    forced: { type: 'boolean', default: false },
    times: { type: 'string', default: '20' },
    on: { type: 'string' },
    within: { type: 'string', default: '600' },
    replay: { type: 'string' },
    out: { type: 'string', default: 'runs/track-record' },
  },
});
const root = path.join(import.meta.dirname, '..');
const data = path.join(root, 'records', 'track-record', 'runs.json');
const forcedData = path.join(path.dirname(data), 'forced.json');
const tried = KNOWN_RACES.filter((race): race is Tried => race.trial !== null);
const isOfScripts = values.forced || (values.from !== undefined && existsSync(path.join(values.from, REPLAY)));
const known = isOfScripts ? KNOWN_RACES : tried;
const unknown = positionals.filter((name) => !known.some((race) => race.name === name));
const wrongNumbers = (['times', 'within'] as const).flatMap((name) => wholeNumberProblems(name, values[name], 1));
if (wrongNumbers.length > 0) {
  console.error(wrongNumbers.join('\n'));
  process.exitCode = 2;
} else if (
  unknown.length > 0 ||
  (values.replay !== undefined && !['affordable', 'reference'].includes(values.replay))
) {
  console.error(
    unknown.length > 0
      ? `There is no known race ${unknown.join(', ')}: choose from ${known.map(({ name }) => `"${name}"`).join(', ')}.`
      : `--replay is affordable or reference, not "${values.replay}".`,
  );
  process.exitCode = 2;
} else if (values.replay !== undefined) {
  process.exitCode = (await replay(values.replay === 'affordable')) ? 0 : 1;
} else {
  if (values.from !== undefined)
    if (existsSync(path.join(values.from, REPLAY))) keepReplay(values.from);
    else await keepOf(values.from);
  if (values.measure) await measure();
  if (values.forced) await force();
  writeFileSync(path.join(root, 'records', 'track-record.md'), trackRecordMarkdown(keptRuns(), keptForced()));
}

function keptForced(): ForcedRun[] {
  return existsSync(forcedData) ? (JSON.parse(readFileSync(forcedData, 'utf8')) as ForcedRun[]) : [];
}

/** Replays that are not kept yet, those of one build on one stack; kept when the build is through, or interrupted. */
async function force(): Promise<void> {
  const times = Number(values.times);
  const files = shippedRaces();
  const due = KNOWN_RACES.filter(({ name }) => positionals.length === 0 || positionals.includes(name)).flatMap(
    (race) => {
      const builds = scriptBuilds(race);
      const name = race.name.replace('#', '');
      if (!builds || !files.includes(name)) return [];
      return [builds.has, ...(builds.has_not === null ? [] : [builds.has_not])]
        .filter((build) => values.on === undefined || build === values.on)
        .map((build) => ({ race: race.name, name, build }));
    },
  );
  const forced = keptForced();
  const kept = new Set(forced.flatMap((run) => (run.times < times ? [] : [`${run.race} ${run.build}`])));
  const missing = due.filter(({ race, build }) => !kept.has(`${race} ${build}`));
  const all = missing.map((one) => one.build);
  const secondsOf = ({ race }: { race: string }) =>
    (times + CONTROLS) * Math.max(EPISODE_S, ...forced.flatMap((run) => (run.race === race ? [run.seconds ?? 0] : [])));
  const seconds = missing.reduce((sum, one) => sum + secondsOf(one), new Set(all).size * STACK_S);
  console.error(`${all.length} of ${due.length} replays are to be played: about ${Math.ceil(seconds / 60)} minutes.`);
  let left = Number(values.within) * 60;
  for (const build of new Set(all)) {
    let after = left - STACK_S;
    const names: string[] = [];
    for (const one of missing.filter((m) => m.build === build)) {
      if (secondsOf(one) > after) continue;
      after -= secondsOf(one);
      names.push(one.name);
    }
    if (names.length === 0) continue;
    left = after;
    const out = path.resolve(values.out, `forced-${build}-${new Date().toISOString().replaceAll(/[:.]/g, '')}`);
    const args = ['replay', ...names, '--build', build, '--times', String(times), '--out', out, '--json'];
    try {
      await windtunnel(args, names.length * REPLAY_MS);
    } finally {
      // What was through when a series was interrupted, too.
      if (existsSync(path.join(out, REPLAY))) keepReplay(out);
    }
  }
}

function keepReplay(folder: string): void {
  const { files } = JSON.parse(readFileSync(path.join(folder, REPLAY), 'utf8')) as Replay;
  const runs = files.flatMap((file) => {
    const name = file.race.replace('#', '');
    if (!KNOWN_RACES.some((race) => race.name === file.race) || file.times === 0) return [];
    if (positionals.length > 0 && !positionals.includes(file.race)) return [];
    const { commit, at } = originOf(path.join(folder, path.basename(file.run)));
    return [forcedRun(file, name, { commit, at })];
  });
  writeFileSync(forcedData, trackRunsJson(withForced(keptForced(), runs)));
  for (const { race, build, broken, times } of runs) console.error(`${race} on ${build}: broken ${broken} of ${times}`);
}

function keptRuns(): TrackRun[] {
  return existsSync(data) ? (JSON.parse(readFileSync(data, 'utf8')) as TrackRun[]) : [];
}

function chosen(): readonly Tried[] {
  return tried.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
}

/** Two seeds on each build that has the race, one on the next that has not. Each result is kept at once. */
async function measure(): Promise<void> {
  for (const race of chosen()) {
    const { has, has_not } = race.trial;
    const with_it = [...has, ...onReference(race)].flatMap((build) => [1, 2].map((seed) => ({ build, seed })));
    const without = has_not === null ? [] : [{ build: has_not, seed: 1 }];
    for (const { build, seed } of [...with_it, ...without]) keep([await look(race, build, seed)]);
  }
}

/** Of races that the run neither found nor put to the test nothing is kept. */
async function keepOf(folder: string): Promise<void> {
  const judgement = JSON.parse(await windtunnel(['check', folder, '--json'], CHECK_MS)) as Judgement;
  const runs = chosen().map((race) => trackRun(judgement, race, originOf(folder)));
  keep(runs.filter(({ hits, tested }) => hits > 0 || (tested && positionals.length > 0)));
}

function keep(runs: readonly TrackRun[]): void {
  writeFileSync(data, trackRunsJson(withRuns(keptRuns(), runs)));
  for (const run of runs) console.error(line(run));
}

async function replay(real: boolean): Promise<boolean> {
  if (real && !hasPython())
    console.error('SKIPPED: the releases were not replayed, because there is no Python ≥ 3.10.');
  const lost: string[] = [];
  for (const race of chosen()) {
    for (const build of [...onReference(race), ...(real && hasPython() ? [race.trial.has[0]] : [])])
      if (!(await reproduces(race, build))) lost.push(`${race.name} on ${build}`);
  }
  console.error(lost.length === 0 ? 'Every race was found again.' : `NO LONGER FOUND: ${lost.join(', ')}.`);
  return lost.length === 0;
}

function onReference({ reference }: KnownRace): string[] {
  return reference === null ? [] : [reference];
}

async function reproduces(race: Tried, build: string): Promise<boolean> {
  for (let seed = 1; seed <= TRIES; seed++) {
    const run = await look(race, build, seed);
    console.error(line(run));
    if (run.hits > 0) return true;
  }
  return false;
}

/** One run; if it is stored already, it is judged again. */
async function look(race: Tried, build: string, seed: number): Promise<TrackRun> {
  const scenario = race.trial.scenario.name;
  const folder = path.resolve(values.out, `${scenario}-${build}-${seed}`);
  return trackRun(await judgedRun(folder, { scenario, build, seed }), race, originOf(folder));
}

function hasPython(): boolean {
  const asked = ['-c', 'import sys; sys.exit(sys.version_info < (3, 10))'];
  return spawnSync('python3', asked, { stdio: 'ignore' }).status === 0;
}

function line({ race, build, seed, hits, load_seconds, tested }: TrackRun): string {
  const none = tested ? 'not found' : 'not exercised';
  return `${race} on ${build}, seed ${seed}: ${hits > 0 ? `${hits} times in ${load_seconds} s` : none}`;
}
