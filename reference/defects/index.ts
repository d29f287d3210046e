import type { Behaviour } from '../behaviour.ts';
import { ASSET_DEFECTS } from './assets.ts';
import { BACKFILL_DEFECTS } from './backfills.ts';
import type { Defect } from './defect.ts';
import { END_REPORT_DEFECTS } from './end-reports.ts';
import { LATE_NEWS_DEFECTS } from './late-news.ts';
import { LIMIT_DEFECTS } from './limits.ts';
import { LOCK_DEFECTS } from './locks.ts';
import { RENDERED_FIELDS_DEFECTS } from './rendered-fields.ts';
import { RUN_DEFECTS } from './runs.ts';
import { SKIP_DEFECTS } from './skips.ts';
import { STATE_DEFECTS } from './states.ts';
import { TRY_DEFECTS } from './tries.ts';
import { TRIGGER_DEFECTS } from './triggers.ts';
import { WORKER_DEFECTS } from './workers.ts';

/** Everything that can be switched on, in the order that `windtunnel list` shows: the known races first. */
export const DEFECTS: readonly Defect[] = [
  ...SKIP_DEFECTS,
  ...STATE_DEFECTS,
  ...LATE_NEWS_DEFECTS,
  ...LOCK_DEFECTS,
  ...RENDERED_FIELDS_DEFECTS,
  ...BACKFILL_DEFECTS,
  ...ASSET_DEFECTS,
  ...TRIGGER_DEFECTS,
  ...RUN_DEFECTS,
  ...WORKER_DEFECTS,
  ...END_REPORT_DEFECTS,
  ...TRY_DEFECTS,
  ...LIMIT_DEFECTS,
];

/**
 * The defects of a build by their names, each after those that it stands on. Throws an Error with one sentence for
 * everything that is wrong with the names.
 */
export function chosenDefects(names: readonly string[]): readonly Defect[] {
  const chosen = new Map<string, Defect>();
  const problems: string[] = [];
  const choose = (name: string): void => {
    if (chosen.has(name)) return;
    const defect = DEFECTS.find((candidate) => candidate.name === name);
    if (!defect) {
      problems.push(`there is no defect "${name}"`);
      return;
    }
    for (const below of defect.on ?? []) choose(below);
    chosen.set(name, defect);
  };
  for (const name of names) choose(name);
  if (problems.length > 0) throw new Error(problems.join('; '));
  return [...chosen.values()];
}

/** `normal` with the defects switched on, one over the other. */
export function withDefects(normal: Behaviour, defects: readonly Defect[]): Behaviour {
  let behaviour = normal;
  for (const defect of defects) behaviour = Object.assign({}, behaviour, defect.change(behaviour));
  return behaviour;
}
