/**
 * The track record: each known race, found again.
 *
 *     npm run track-record                             records/track-record.md from the kept runs
 *     npm run track-record -- --measure [RACE…]        runs that are not in --out yet, kept in records/track-record/runs.json
 *     npm run track-record -- --import DIR…            stored runs of scenarios that hold the race's setting
 *     npm run track-record -- --replay affordable      what CI replays every night: each race on the reference stack and
 *                                                      on one real release; exit 1 if one no longer reproduces
 *     npm run track-record -- --replay reference       … on the reference stack alone, which needs no Python
 *
 * A run takes about a minute and a quarter on a release and half of that on the reference stack: --measure of everything
 * an hour, --replay affordable half of one.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { Manifest } from '../harness/model/manifest.ts';
import type { Judgement } from '../harness/model/verdict.ts';
import { KNOWN_RACES } from '../harness/races/known-races.ts';
import { type RaceTrial, TRIALS } from '../harness/races/track-record.ts';
import { type TrackRun, trackRecordMarkdown, trackRun, trackRunsJson, withRuns } from './track-record-page.ts';

/** A race is a matter of chance: only three runs in a row without it are a loss. */
const TRIES = 3;
const RUN_TIMEOUT_MS = 300_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    measure: { type: 'boolean', default: false },
    import: { type: 'boolean', default: false },
    replay: { type: 'string' },
    out: { type: 'string', default: 'runs/track-record' },
  },
});
const root = path.join(import.meta.dirname, '..');
const data = path.join(root, 'records', 'track-record', 'runs.json');
const unknown = values.import ? [] : positionals.filter((name) => !TRIALS.some(({ race }) => race === name));
if (unknown.length > 0 || (values.replay !== undefined && !['affordable', 'reference'].includes(values.replay))) {
  console.error(
    unknown.length > 0
      ? `There is no known race ${unknown.join(', ')}: choose from ${TRIALS.map(({ race }) => `"${race}"`).join(', ')}.`
      : `--replay is affordable or reference, not "${values.replay}".`,
  );
  process.exitCode = 2;
} else if (values.replay !== undefined) {
  process.exitCode = replay(values.replay === 'affordable') ? 0 : 1;
} else {
  if (values.measure) measure();
  if (values.import) for (const folder of positionals) keep(imported(path.resolve(folder)));
  writeFileSync(path.join(root, 'records', 'track-record.md'), trackRecordMarkdown(keptRuns()));
}

function keptRuns(): TrackRun[] {
  return existsSync(data) ? (JSON.parse(readFileSync(data, 'utf8')) as TrackRun[]) : [];
}

function chosen(): readonly RaceTrial[] {
  return TRIALS.filter(({ race }) => positionals.length === 0 || positionals.includes(race));
}

/** Two seeds where it is, one where it is not; each is kept as soon as it is there. */
function measure(): void {
  for (const trial of chosen()) {
    const there = [...trial.has, ...onReference(trial)].flatMap((build) => [1, 2].map((seed) => ({ build, seed })));
    const not = trial.has_not === null ? [] : [{ build: trial.has_not, seed: 1 }];
    for (const { build, seed } of [...there, ...not]) {
      keep([look(trial, build, seed)]);
    }
  }
}

function keep(runs: readonly TrackRun[]): void {
  writeFileSync(data, trackRunsJson(withRuns(keptRuns(), runs)));
  for (const run of runs) console.error(said(run));
}

/** A stored run says something of the races whose setting its scenario holds, if it came to its end. */
function imported(folder: string): TrackRun[] {
  const { ended } = readManifest(folder);
  if (ended !== 'completed') throw new Error(`${folder} did not complete: it is no measure of anything.`);
  const judgement = windtunnel('check', folder, '--json');
  const { scenario } = judgement;
  const trials = TRIALS.filter((trial) => trial.scenario === scenario || trial.also.includes(scenario));
  return KNOWN_RACES.filter(({ name }) => trials.some(({ race }) => race === name)).map((race) =>
    trackRun(judgement, race, origin(folder)),
  );
}

function replay(real: boolean): boolean {
  if (real && !hasPython())
    console.error('SKIPPED: the releases were not replayed, because there is no Python ≥ 3.10.');
  const lost = chosen().flatMap((trial) => {
    const builds = [...onReference(trial), ...(real && hasPython() ? [trial.has[0]] : [])];
    return builds.filter((build) => !reproduces(trial, build)).map((build) => `${trial.race} on ${build}`);
  });
  console.error(lost.length === 0 ? 'Every race was found again.' : `NO LONGER FOUND: ${lost.join(', ')}.`);
  return lost.length === 0;
}

function onReference({ reference }: RaceTrial): string[] {
  return reference === null ? [] : [reference];
}

function reproduces(trial: RaceTrial, build: string): boolean {
  for (let seed = 1; seed <= TRIES; seed++) {
    const run = look(trial, build, seed);
    console.error(said(run));
    if (run.hits > 0) return true;
  }
  return false;
}

/** One run, or the one that is there already, judged again. */
function look({ race: name, scenario }: RaceTrial, build: string, seed: number): TrackRun {
  const race = KNOWN_RACES.find((one) => one.name === name);
  if (!race) throw new Error(`${name} is not a known race`);
  const folder = path.resolve(values.out, `${scenario}-${build}-${seed}`);
  const there = existsSync(path.join(folder, 'verdict.json'));
  if (!there) rmSync(folder, { recursive: true, force: true });
  const args = there
    ? ['check', folder, '--json']
    : ['run', scenario, '--build', build, '--seed', String(seed), '--out', folder, '--json'];
  return trackRun(windtunnel(...args), race, origin(folder));
}

function windtunnel(...args: string[]): Judgement {
  const { stdout, status } = spawnSync(process.execPath, [path.join(root, 'bin', 'windtunnel.mjs'), ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    maxBuffer: 256 << 20,
    timeout: RUN_TIMEOUT_MS,
  });
  if (status !== 0 && status !== 1 && status !== 3)
    throw new Error(`windtunnel ${args.join(' ')} ended with ${status}`);
  return JSON.parse(stdout) as Judgement;
}

/** When a run was made, and the commit that was the newest then: a run that was there already is not this commit's. */
function origin(folder: string): Pick<TrackRun, 'repeat' | 'commit' | 'at'> {
  const manifest = readManifest(folder);
  const newest = ['rev-list', '-1', '--abbrev-commit', `--before=${manifest.started_at}`, 'HEAD'];
  const commit = execFileSync('git', newest, { cwd: root, encoding: 'utf8' }).trim();
  return { repeat: manifest.repeat, commit, at: manifest.started_at };
}

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(path.join(folder, 'manifest.json'), 'utf8')) as Manifest;
}

function hasPython(): boolean {
  const asked = ['-c', 'import sys; sys.exit(sys.version_info < (3, 10))'];
  return spawnSync('python3', asked, { stdio: 'ignore' }).status === 0;
}

function said({ race, build, seed, hits, load_seconds, tested }: TrackRun): string {
  const none = tested ? 'not found' : 'not put to the test';
  return `${race} on ${build}, seed ${seed}: ${hits > 0 ? `${hits} times in ${load_seconds} s` : none}`;
}
