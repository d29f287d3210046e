import { existsSync, readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { airflowIssue, type IssueSighting } from '../../reports/markdown/airflow-issue.ts';
import type { ReplayedOrder } from '../../reports/markdown/replayed-order.ts';
import { findingNamed, haveOneCause } from '../judge/finding-named.ts';
import { judge } from '../judge/judge.ts';
import { openRun } from '../judge/open-run.ts';
import { type FoundPlace, findPlaces, handlerOf, type SourcePlace } from '../model/airflow/source.ts';
import type { StepRow } from '../model/episode.ts';
import { UsageError } from '../model/errors.ts';
import type { Finding } from '../model/finding.ts';
import { groupBy } from '../model/group-by.ts';
import type { Manifest } from '../model/manifest.ts';
import type { Judgement } from '../model/verdict.ts';
import { knownRaceNamed } from '../races/index.ts';
import { type LogAround, logsAround } from '../run-folder/logs-around.ts';
import { readManifest } from '../run-folder/manifest.ts';
import { installedSource } from '../stacks/airflow/installed-source.ts';

export interface IssueOptions {
  /** Further run folders. */
  readonly also: readonly string[];
  /** Of the logs, before and after the worst occurrence. */
  readonly aroundS: number;
  readonly own: NonNullable<Parameters<typeof judge>[1]>['own'];
}

/**
 * A finding of this run under the headings of Airflow's bug form; without a name, what a replay was to break.
 * UsageError: the run has none of that name, or is no replay, or broke nothing.
 */
export async function issueOf(run: string, id: string | undefined, options: IssueOptions): Promise<string> {
  const { also, aroundS, own } = options;
  const judgement = await judge(run, { own });
  const replay = id === undefined ? await brokenOrder(run, judgement) : undefined;
  const finding = replay ? findingOf(replay, judgement) : findingNamed(judgement, id ?? '');
  const manifest = await readManifest(run);
  const others: Judgement[] = [];
  for (const other of also) others.push(await judge(other, { own }));
  const moment = Date.parse(manifest.started_at) + (replay?.shown.violations[0] ?? finding.worst).at_ms;
  return airflowIssue({
    ...{ judgement, manifest, finding, replay, around_s: aroundS },
    sightings: sightingsOf(finding, [judgement, ...others]),
    places: await placesOf(await expectedPlaces(run, finding), manifest),
    logs: logsAround(run, moment, aroundS * 1_000).map(withoutHome),
  });
}

/** The first episode of a replay that broke what its file names. */
async function brokenOrder(run: string, { episodes, build }: Judgement): Promise<ReplayedOrder> {
  if (episodes === undefined) throw new UsageError('Name a finding, such as F1: `windtunnel explain RUN` lists them.');
  const shown = episodes.find(({ kind, outcome }) => kind === 'script' && outcome === 'broken');
  if (!shown) throw new UsageError(`The script broke nothing on ${build} in this replay: there is nothing to report.`);
  const opened = await openRun(run);
  try {
    const rows = await opened.rows(`FROM steps WHERE episode = ${shown.episode} ORDER BY step`);
    const file = path.join(run, 'script.race.yaml');
    const script = existsSync(file) ? readFileSync(file, 'utf8') : null;
    return { episodes, shown, steps: rows as unknown as StepRow[], script };
  } finally {
    await opened.close();
  }
}

/** The finding that the episode's violation belongs to. */
function findingOf({ shown }: ReplayedOrder, { findings, build }: Judgement): Finding {
  const [violation] = shown.violations;
  const found =
    findings.find(({ root }) => root.invariant === violation?.invariant && root.variant === violation.variant) ??
    findings.find(({ invariants }) => invariants.some(({ name }) => name === violation?.invariant));
  if (found) return found;
  throw new UsageError(`No finding of ${build} in this replay is of ${violation?.invariant}: name one, such as F1.`);
}

/** Those of the race, and the handlers of the requests that prove its worst occurrence. */
async function expectedPlaces(run: string, { known_race, worst }: Finding): Promise<SourcePlace[]> {
  const race = known_race === null ? [] : (knownRaceNamed(known_race)?.places ?? []);
  const opened = await openRun(run);
  try {
    const numbers = worst.operations.join(', ');
    const rows =
      numbers === '' ? [] : await opened.rows(`SELECT DISTINCT kind FROM operations WHERE op IN (${numbers})`);
    const handlers = rows.flatMap(({ kind }) => handlerOf(String(kind)) ?? []);
    return [...race, ...handlers.filter(({ within }) => !race.some((place) => place.within === within))];
  } finally {
    await opened.close();
  }
}

/** Undefined: what the run was of is not installed here any more. */
async function placesOf(
  wanted: readonly SourcePlace[],
  { identity }: Manifest,
): Promise<readonly FoundPlace[] | undefined> {
  const folder = await installedSource(identity.packages);
  if (folder === undefined) return undefined;
  const textOf = (file: string) => (existsSync(file) ? readFileSync(file, 'utf8') : undefined);
  return findPlaces(wanted, (file) => textOf(path.join(folder, file)));
}

/** Tracebacks have paths of this machine. */
function withoutHome({ name, text, at }: LogAround): LogAround {
  const [before, after] = [text.slice(0, at), text.slice(at)].map((part) => part.replaceAll(os.homedir(), '~'));
  return { name, text: `${before}${after}`, at: before?.length ?? 0 };
}

function sightingsOf(finding: Finding, judgements: readonly Judgement[]): IssueSighting[] {
  const isIt = (one: Finding) => haveOneCause(one, finding);
  const groups = groupBy(judgements, ({ build, episodes }) => `${build} ${episodes === undefined}`);
  return [...groups.values()].flatMap((runs) => {
    const [first] = runs;
    if (!first) return [];
    const times = runs.map(({ findings }) => findings.filter(isIt).reduce((sum, one) => sum + one.occurrences, 0));
    const tested = runs.filter(({ invariants }, i) => {
      const invariant = invariants.find(({ name }) => name === finding.root.invariant);
      return (times[i] ?? 0) > 0 || (invariant !== undefined && invariant.verdict !== 'unknown');
    });
    const played = runs.flatMap(({ episodes = [] }) => episodes.filter(({ kind }) => kind === 'script'));
    const isReplay = first.episodes !== undefined;
    return {
      build: first.build,
      of: isReplay ? ('episode' as const) : ('run' as const),
      seen: isReplay ? played.filter(({ outcome }) => outcome === 'broken').length : times.filter((n) => n > 0).length,
      tested: isReplay ? played.filter(({ outcome }) => outcome !== 'not-reached').length : tested.length,
      occurrences: times.reduce((sum, n) => sum + n, 0),
      load_s: runs.reduce((sum, { load_seconds }) => sum + load_seconds, 0),
    };
  });
}
