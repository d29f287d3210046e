import type { ReplayedFile } from '../harness/model/replay.ts';
import type { Judgement } from '../harness/model/verdict.ts';
import { KNOWN_RACES, type KnownRace } from '../harness/races/index.ts';
import { markdownTable } from '../reports/markdown/document.ts';
import { lines, listed } from '../reports/words.ts';
import type { RunOrigin } from './judged-run.ts';

/** A run that looked for one known race: a line of records/track-record/runs.json. */
export interface TrackRun extends RunOrigin {
  readonly race: string;
  readonly build: string;
  readonly scenario: string;
  readonly seed: number;
  readonly load_seconds: number;
  /** Occurrences of the findings that are this race. */
  readonly hits: number;
  /** Whether the race's first invariant was exercised: otherwise a run without hits proves nothing. */
  readonly tested: boolean;
}

/** A replay of a race's script on one build: a line of records/track-record/forced.json. */
export interface ForcedRun extends RunOrigin {
  readonly race: string;
  readonly build: string;
  /** Episodes of the script, and how many of them ended how. */
  readonly times: number;
  readonly broken: number;
  readonly held: number;
  readonly excluded: number;
  readonly not_reached: number;
  readonly controls: number;
  readonly controls_broken: number;
  /** Of an episode, the median; null if none was played. */
  readonly seconds: number | null;
}

/** What a replay says of one file. */
export function forcedRun(file: ReplayedFile, name: string, from: Omit<RunOrigin, 'repeat'>): ForcedRun {
  const { race, build, times, counts, controls, seconds } = file;
  return {
    race,
    build,
    times,
    broken: counts.broken ?? 0,
    held: counts.held ?? 0,
    excluded: counts.excluded ?? 0,
    not_reached: counts['not-reached'] ?? 0,
    controls: controls.reduce((sum, one) => sum + one.times, 0),
    controls_broken: controls.reduce((sum, one) => sum + one.broken, 0),
    seconds: seconds === null ? null : Math.round(seconds * 10) / 10,
    repeat: `windtunnel replay ${name} --build ${build} --times ${times}`,
    ...from,
  };
}

/** One replay is kept for each race and build: the newest. */
export function withForced(kept: readonly ForcedRun[], added: readonly ForcedRun[]): ForcedRun[] {
  const key = ({ race, build }: ForcedRun) => `${race} ${build}`;
  const fresh = new Set(added.map(key));
  return [...kept.filter((run) => !fresh.has(key(run))), ...added].sort(
    (a, b) => order(a) - order(b) || byRelease(a.build, b.build),
  );
}

/** The result of a judged run for one race. */
export function trackRun(judgement: Judgement, race: KnownRace, from: RunOrigin): TrackRun {
  const { build, scenario, seed, load_seconds, findings, invariants } = judgement;
  const of = findings.filter(({ known_race }) => known_race === race.name);
  const invariant = invariants.find(({ name }) => name === race.marks[0]?.invariant);
  return {
    race: race.name,
    build,
    scenario,
    seed,
    load_seconds: Math.round(load_seconds * 10) / 10,
    hits: of.reduce((sum, { occurrences }) => sum + occurrences, 0),
    tested: invariant !== undefined && invariant.verdict !== 'unknown',
    ...from,
  };
}

/** One run is kept for each race, build, scenario and seed: the newest. */
export function withRuns(kept: readonly TrackRun[], added: readonly TrackRun[]): TrackRun[] {
  const key = ({ race, build, scenario, seed }: TrackRun) => `${race} ${build} ${scenario} ${seed}`;
  const fresh = new Set(added.map(key));
  return [...kept.filter((run) => !fresh.has(key(run))), ...added].sort(
    (a, b) =>
      order(a) - order(b) || byRelease(a.build, b.build) || a.scenario.localeCompare(b.scenario) || a.seed - b.seed,
  );
}

function order({ race }: { readonly race: string }): number {
  return KNOWN_RACES.findIndex(({ name }) => name === race);
}

/** One line a run, so that diffs are readable. */
export function trackRunsJson(runs: readonly (TrackRun | ForcedRun)[]): string {
  return `[\n${runs.map((run) => `  ${JSON.stringify(run)}`).join(',\n')}\n]\n`;
}

/** `records/track-record.md`: which race was found where and how often. Every figure is from the kept runs. */
export function trackRecordMarkdown(runs: readonly TrackRun[], forced: readonly ForcedRun[]): string {
  return `# Track record

Races in Airflow that windtunnel finds again, most of them with a scenario of their own (\`harness/races/\`, one file a
race). Every figure is from the runs in [track-record/runs.json](track-record/runs.json):
\`npm run track-record -- --measure\` makes the runs, \`npm run track-record\` writes this page from them. The nightly
evidence replays the races: a harness that no longer finds an old race would not find the next one either.

A *hit* is one occurrence of the cause, however many tasks it affected and invariants it violated. Rates are per minute
of load, on two cores. *Forced* is how many of the episodes of its script ([docs/director.md](../docs/director.md))
broke the invariant, with the median of their time: \`npm run track-record -- --forced\` plays them and keeps each
replay in [track-record/forced.json](track-record/forced.json).

${KNOWN_RACES.map((race) =>
  raceSection(
    race,
    runs.filter((run) => run.race === race.name),
    forced.filter((run) => run.race === race.name),
  ),
).join('\n')}`;
}

const COLUMNS = ['build', 'has it', 'hits per minute, min / median / max', 'runs', 'forced'];

function raceSection(race: KnownRace, runs: readonly TrackRun[], forced: readonly ForcedRun[]): string {
  const builds = [...new Set([...runs, ...forced].map(({ build }) => build))].sort(byRelease);
  const reported = race.reported === null ? 'not reported' : `[${race.name}](${race.reported})`;
  const last = runs.filter(({ hits }) => hits > 0).toSorted((a, b) => b.at.localeCompare(a.at))[0];
  // A release is a better example than the reference stack, and a scenario of the race's own is quicker.
  const example = runs
    .filter(({ hits }) => hits > 0)
    .toSorted((a, b) => rank(b) - rank(a) || byRelease(a.build, b.build) || b.at.localeCompare(a.at))[0];
  const rows = builds.map((build) =>
    buildRow(
      build,
      runs.filter((run) => run.build === build),
      forced.find((run) => run.build === build),
    ),
  );
  const caughtBy = listed([...new Set(race.marks.map(({ invariant }) => invariant))].map((name) => `\`${name}\``));
  const differs = race.differs ? ` ${race.differs}` : '';
  const about = `${race.title}. ${capital(race.found_by)}, ${reported}. Caught by ${caughtBy}.${differs}`;
  const repeat = example ? `\nRepeat: \`${example.repeat}\`` : '';
  const reproduced = last ? `\n\nLast reproduced ${last.at.slice(0, 10)} at \`${last.commit}\`.` : '';
  return `## ${race.name}

${lines(about, 116).join('\n')}

${rows.length === 0 ? 'Not measured yet.' : markdownTable(COLUMNS, rows)}
${repeat}${reproduced}
`;
}

function rank({ scenario, build }: TrackRun): number {
  return (build.startsWith('airflow@') ? 2 : 0) + (scenario.startsWith('race-') ? 1 : 0);
}

function buildRow(build: string, runs: readonly TrackRun[], forced: ForcedRun | undefined): string[] {
  const rates = runs.map(({ hits, load_seconds }) => (60 * hits) / load_seconds).sort((a, b) => a - b);
  const some = runs.some(({ hits }) => hits > 0);
  const tested = runs.filter(({ hits, tested }) => hits > 0 || tested).length;
  const isForced = forced !== undefined && forced.broken > 0;
  const has = some || isForced ? 'yes' : tested > 0 || forced ? 'not seen' : 'unknown';
  const hit = runs.filter(({ hits }) => hits > 0).length;
  return [
    build,
    has,
    some ? figures(rates) : runs.length === 0 ? '' : '0',
    some ? `hit in ${hit} of ${runs.length}` : runs.length === 0 ? '' : `${tested} of ${runs.length} exercised it`,
    forced ? forcedCell(forced) : '',
  ];
}

function forcedCell({ broken, times, excluded, not_reached, controls_broken, seconds }: ForcedRun): string {
  return [
    `${broken} of ${times}`,
    ...(seconds === null ? [] : [`${seconds.toFixed(1)} s`]),
    ...(excluded > 0 ? [`excluded ${excluded}`] : []),
    ...(not_reached > 0 ? [`not reached ${not_reached}`] : []),
    ...(controls_broken > 0 ? [`controls broken ${controls_broken}`] : []),
  ].join(', ');
}

function figures(sorted: readonly number[]): string {
  const middle = (sorted.length - 1) / 2;
  const median = ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle)] ?? 0)) / 2;
  return [sorted[0] ?? 0, median, sorted.at(-1) ?? 0].map((rate) => rate.toFixed(1)).join(' / ');
}

function byRelease(a: string, b: string): number {
  const kind = (build: string) => (build.startsWith('airflow@') ? 0 : 1);
  return kind(a) - kind(b) || a.localeCompare(b, 'en', { numeric: true });
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
