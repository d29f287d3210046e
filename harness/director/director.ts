import type { EpisodeRow } from '../model/episode.ts';
import { median } from '../statistics/statistics.ts';
import { controlsOf } from './controls.ts';
import { Episode, type EpisodePlan } from './episode.ts';
import type { RaceScript } from './script.ts';
import type { Stage } from './stage.ts';

/** Of each kind of control, where its script is played, too. */
const CONTROLS = 3;
/** A script has two kinds of controls at most. */
const KINDS_OF_CONTROLS = 2;
/** Of a script that never held anything, so that its control has something to hold for. */
const USUAL_HOLD_MS = 500;

/** How often a script is played, and each kind of its controls. */
export interface HowOften {
  readonly script: number;
  readonly controls: number;
}

/** `onlyControls`: so often each of these, and never the script. */
export function episodeCounts(times: number, onlyControls: boolean): HowOften {
  return onlyControls ? { script: 0, controls: times } : { script: times, controls: Math.min(CONTROLS, times) };
}

/** At most. */
export function episodesOf({ script, controls }: HowOften): number {
  return script + KINDS_OF_CONTROLS * controls;
}

/** Its race in the names of DAGs and folders: `66734`. */
export function slugOf({ race }: RaceScript): string {
  return race.race
    .replace(/[^A-Za-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .toLowerCase();
}

/** Each episode has a DAG of its own, numbered from 1. */
export function dagOfEpisode(script: RaceScript, number: number): string {
  return `wt_${slugOf(script)}_${String(number).padStart(2, '0')}`;
}

/** One episode of a script; `steps`: its own, or those of a control. */
export function episodeOf(
  script: RaceScript,
  { number, kind, steps }: Pick<EpisodePlan, 'number' | 'kind' | 'steps'>,
): EpisodePlan {
  const { race, file } = script;
  const breaks = JSON.stringify(race.breaks);
  const tasks = Object.keys(race.dag);
  const isLong = race.why_long !== undefined;
  return { number, race: race.race, file, breaks, kind, tasks, steps, isLong, dag: dagOfEpisode(script, number) };
}

/** Plays a script so often, and then its controls. `onEpisode` is called after each. */
export async function direct(
  stage: Stage,
  script: RaceScript,
  { often, onEpisode }: { readonly often: HowOften; onEpisode(row: EpisodeRow): void },
): Promise<void> {
  let number = 0;
  const play = async (kind: EpisodePlan['kind'], steps: EpisodePlan['steps']) => {
    number++;
    const row = await new Episode(stage, episodeOf(script, { number, kind, steps })).play();
    onEpisode(row);
    return row;
  };
  const held: number[] = [];
  for (let i = 0; i < often.script && !stage.signal.aborted; i++) {
    const { held_ms } = await play('script', script.steps);
    if (held_ms !== null) held.push(held_ms);
  }
  const heldMs = median(held) ?? USUAL_HOLD_MS;
  for (const { kind, steps } of controlsOf(script.steps, heldMs))
    for (let i = 0; i < often.controls && !stage.signal.aborted; i++) await play(kind, steps);
}
