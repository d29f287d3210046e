import { existsSync, readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { airflowIssue, type IssueSighting } from '../../reports/markdown/airflow-issue.ts';
import { findingNamed } from '../judge/finding-named.ts';
import { judge } from '../judge/judge.ts';
import { openRun } from '../judge/open-run.ts';
import { type FoundPlace, findPlaces, handlerOf, type SourcePlace } from '../model/airflow/source.ts';
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

/** A finding of this run under the headings of Airflow's bug form. UsageError: the run has none of that name. */
export async function issueOf(run: string, id: string, { also, aroundS, own }: IssueOptions): Promise<string> {
  const judgement = await judge(run, { own });
  const finding = findingNamed(judgement, id);
  const manifest = await readManifest(run);
  const others: Judgement[] = [];
  for (const other of also) others.push(await judge(other, { own }));
  const moment = Date.parse(manifest.started_at) + finding.worst.at_ms;
  return airflowIssue({
    ...{ judgement, manifest, finding, around_s: aroundS },
    sightings: sightingsOf(finding, [judgement, ...others]),
    places: placesOf(await expectedPlaces(run, finding), manifest),
    logs: logsAround(run, moment, aroundS * 1_000).map(withoutHome),
  });
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
function placesOf(wanted: readonly SourcePlace[], { identity }: Manifest): readonly FoundPlace[] | undefined {
  const folder = installedSource(identity.packages);
  if (folder === undefined) return undefined;
  const textOf = (file: string) => (existsSync(file) ? readFileSync(file, 'utf8') : undefined);
  return findPlaces(wanted, (file) => textOf(path.join(folder, file)));
}

/** Tracebacks have paths of this machine. */
function withoutHome({ name, text, at }: LogAround): LogAround {
  const [before, after] = [text.slice(0, at), text.slice(at)].map((part) => part.replaceAll(os.homedir(), '~'));
  return { name, text: `${before}${after}`, at: before?.length ?? 0 };
}

/** A finding of the same cause has the same fingerprint, or is the same known race. */
function sightingsOf(finding: Finding, judgements: readonly Judgement[]): IssueSighting[] {
  const isIt = ({ fingerprint, known_race }: Finding) =>
    fingerprint === finding.fingerprint || (known_race !== null && known_race === finding.known_race);
  return [...groupBy(judgements, ({ build }) => build)].map(([build, runs]) => {
    const times = runs.map(({ findings }) => findings.filter(isIt).reduce((sum, one) => sum + one.occurrences, 0));
    const tested = runs.filter(({ invariants }, i) => {
      const invariant = invariants.find(({ name }) => name === finding.root.invariant);
      return (times[i] ?? 0) > 0 || (invariant !== undefined && invariant.verdict !== 'unknown');
    });
    return {
      build,
      seen: times.filter((n) => n > 0).length,
      tested: tested.length,
      occurrences: times.reduce((sum, n) => sum + n, 0),
      load_s: runs.reduce((sum, { load_seconds }) => sum + load_seconds, 0),
    };
  });
}
