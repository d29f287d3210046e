import type { Judgement } from '../harness/model/verdict.ts';
import { KNOWN_RACES, type KnownRace } from '../harness/races/known-races.ts';
import { table } from '../reports/markdown/report.ts';
import { listed } from '../reports/words.ts';

/** A run that looked for one known race: a line of records/track-record/runs.json. */
export interface TrackRun {
  readonly race: string;
  readonly build: string;
  readonly scenario: string;
  readonly seed: number;
  readonly load_seconds: number;
  /** Occurrences of the findings that are this race. */
  readonly hits: number;
  /** Whether the promise was put to the test: only then does a run without hits say anything. */
  readonly tested: boolean;
  /** The command that repeats it. */
  readonly repeat: string;
  /** The commit of windtunnel that was the newest then, and when that was (ISO 8601). */
  readonly commit: string;
  readonly at: string;
}

/** What a judged run says of one race. */
export function trackRun(
  judgement: Judgement,
  race: KnownRace,
  from: Pick<TrackRun, 'repeat' | 'commit' | 'at'>,
): TrackRun {
  const { build, scenario, seed, load_seconds, findings, invariants } = judgement;
  const of = findings.filter(({ known_race }) => known_race === race.name);
  const promise = invariants.find(({ name }) => name === race.marks[0]?.invariant);
  return {
    race: race.name,
    build,
    scenario,
    seed,
    load_seconds: Math.round(load_seconds * 10) / 10,
    hits: of.reduce((sum, { occurrences }) => sum + occurrences, 0),
    tested: promise !== undefined && promise.verdict !== 'unknown',
    ...from,
  };
}

/** One run stands for a race, a build, a scenario and a seed: the newer takes the place of the older. */
export function withRuns(kept: readonly TrackRun[], added: readonly TrackRun[]): TrackRun[] {
  const key = ({ race, build, scenario, seed }: TrackRun) => `${race} ${build} ${scenario} ${seed}`;
  const fresh = new Set(added.map(key));
  return [...kept.filter((run) => !fresh.has(key(run))), ...added].sort(
    (a, b) =>
      order(a) - order(b) || byRelease(a.build, b.build) || a.scenario.localeCompare(b.scenario) || a.seed - b.seed,
  );
}

function order({ race }: TrackRun): number {
  return KNOWN_RACES.findIndex(({ name }) => name === race);
}

/** A line a run, to be read in a diff. */
export function trackRunsJson(runs: readonly TrackRun[]): string {
  return `[\n${runs.map((run) => `  ${JSON.stringify(run)}`).join(',\n')}\n]\n`;
}

/** `records/track-record.md`: what was found, where, by whom and how surely. Every figure is from the kept runs. */
export function trackRecordMarkdown(runs: readonly TrackRun[]): string {
  return `# Track record

Races in Airflow that windtunnel finds again whenever it is asked to, each by a scenario of its own (\`workloads/scenarios/races.ts\` and \`races-explored.ts\`) and some by others
on the way. Measured, not asserted: every figure below is from the runs in [track-record/runs.json](track-record/runs.json). \`npm run track-record --
--measure\` makes the runs anew, \`npm run track-record\` this page from them, and CI replays the affordable ones every night: a harness that no longer finds an old race would not find
the next one either.

A *hit* is one time that the cause struck, however many tasks it hit and promises it broke; a minute is one of load, on two cores.

${KNOWN_RACES.map((race) =>
  raceSection(
    race,
    runs.filter((run) => run.race === race.name),
  ),
).join('\n')}`;
}

function raceSection(race: KnownRace, runs: readonly TrackRun[]): string {
  const builds = [...new Set(runs.map(({ build }) => build))].sort(byRelease);
  const reported = race.reported === null ? 'not reported' : `[${race.name}](${race.reported})`;
  const last = runs.filter(({ hits }) => hits > 0).toSorted((a, b) => b.at.localeCompare(a.at))[0];
  // A release says more than the reference stack, and a scenario of the race's own gets there sooner.
  const example = runs
    .filter(({ hits }) => hits > 0)
    .toSorted((a, b) => rank(b) - rank(a) || byRelease(a.build, b.build) || b.at.localeCompare(a.at))[0];
  const rows = builds.map((build) =>
    buildRow(
      build,
      runs.filter((run) => run.build === build),
    ),
  );
  return `## ${race.name}

${race.title}. ${capital(race.found_by)}, ${reported}. Caught by ${listed(
    [...new Set(race.marks.map(({ invariant }) => invariant))].map((name) => `\`${name}\``),
  )}.

${rows.length === 0 ? 'Not measured yet.' : table(['build', 'has it', 'hits a minute, min / median / max', 'runs'], rows)}
${example ? `\nAgain: \`${example.repeat}\`` : ''}${last ? `. Last reproduced ${last.at.slice(0, 10)} at \`${last.commit}\`.` : ''}
`;
}

function rank({ scenario, build }: TrackRun): number {
  return (build.startsWith('airflow@') ? 2 : 0) + (scenario.startsWith('race-') ? 1 : 0);
}

function buildRow(build: string, runs: readonly TrackRun[]): string[] {
  const rates = runs.map(({ hits, load_seconds }) => (60 * hits) / load_seconds).sort((a, b) => a - b);
  const some = runs.some(({ hits }) => hits > 0);
  const tested = runs.filter(({ hits, tested }) => hits > 0 || tested).length;
  const has = some ? 'yes' : tested > 0 ? 'not seen' : 'cannot say';
  const hit = runs.filter(({ hits }) => hits > 0).length;
  return [
    build,
    has,
    some ? figures(rates) : '0',
    some ? `hit in ${hit} of ${runs.length}` : `${tested} of ${runs.length} put it to the test`,
  ];
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
