import { existsSync } from 'node:fs';

import { readScript } from '../director/script.ts';
import { findingNamed } from '../judge/finding-named.ts';
import { judge } from '../judge/judge.ts';
import { UsageError } from '../model/errors.ts';
import { ownInvariantsFor } from '../run/own-invariants.ts';
import { storedSubject } from '../run/subject.ts';
import { isFolder } from '../run-folder/files.ts';
import { readManifest } from '../run-folder/manifest.ts';

export interface RaceOnBuild {
  readonly race: string;
  /** That of the run, or what was asked for; undefined: the race's own. */
  readonly build: string | undefined;
}

interface RaceFlags {
  readonly build?: string | undefined;
  readonly invariants?: string | undefined;
}

/**
 * The race of a finding, of a replay's run folder or of a file; another word is the name of a race. UsageError: it is
 * none.
 */
export async function raceOf(
  run: string,
  finding: string | undefined,
  { build, invariants }: RaceFlags,
): Promise<RaceOnBuild> {
  if (!isFolder(run)) {
    if (finding !== undefined) throw new UsageError(`${run} is no run folder, so it has no finding ${finding}.`);
    return { race: nameOf(run), build };
  }
  const judgement = await judge(run, { own: await ownInvariantsFor([run], invariants) });
  const race = judgement.episodes?.[0]?.race ?? findingRace(judgement, finding);
  const subject = storedSubject({ build }, await readManifest(run), run);
  return { race, build: 'build' in subject ? subject.build.name : undefined };
}

function findingRace(judgement: Parameters<typeof findingNamed>[0], id: string | undefined): string {
  if (id === undefined) throw new UsageError('Name a finding, such as F1: `windtunnel explain RUN` lists them.');
  const { known_race, title } = findingNamed(judgement, id);
  if (known_race !== null) return known_race;
  throw new UsageError(`${id} is no known race, and only of these there are tests: ${title}.`);
}

/** `63266` is `#63266`. */
function nameOf(word: string): string {
  if (existsSync(word)) return readScript(word).race.race;
  if (word.includes('/')) throw new UsageError(`There is no ${word}: give a run folder, a race file or a race.`);
  return /^\d+$/.test(word) ? `#${word}` : word;
}
