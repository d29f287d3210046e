import { UsageError } from '../model/errors.ts';
import type { Replay } from '../model/replay.ts';
import { knownRaceNamed, scriptBuilds } from '../races/index.ts';
import { playReplay } from '../replay/play.ts';
import { resolveReplay } from '../replay/resolve.ts';

/** A race that is played before it is exported. */
export interface WantedRace {
  /** A path, or the name of a race that ships one. */
  readonly file: string;
  /** The one that has the race first. */
  readonly builds: readonly string[];
  readonly times: number | undefined;
}

interface RaceFlags {
  readonly build?: string | undefined;
  readonly passesOn?: string | undefined;
  readonly times?: number | undefined;
}

/** UsageError: there is no such file, or it is not known on which build it is to be played. */
export async function wantedRace(file: string, { build, passesOn, times }: RaceFlags): Promise<WantedRace> {
  const { scripts } = await resolveReplay({ files: [file], build, times });
  const race = knownRaceNamed(scripts[0]?.race.race ?? '');
  const known = race ? scriptBuilds(race) : null;
  const has = build ?? known?.has;
  if (has === undefined) throw new UsageError(`Name the build on which ${file} breaks: --build airflow@VERSION.`);
  const without = passesOn ?? (build === undefined ? known?.has_not : undefined);
  if (without) await resolveReplay({ files: [file], build: without, times });
  return { file, builds: [has, ...(without ? [without] : [])], times };
}

/** Plays it on each of its builds. Rejects when one cannot be played to its end. */
export async function playedRace({ file, builds, times }: WantedRace): Promise<Replay[]> {
  const played: Replay[] = [];
  for (const build of builds) {
    const { replay, failure } = await playReplay({ files: [file], build, times });
    if (failure !== undefined) throw failure;
    played.push(replay);
  }
  return played;
}
