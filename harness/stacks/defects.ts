import { chosenDefects, DEFECTS } from '../../reference/defects/index.ts';
import type { Planted } from '../model/calibration.ts';
import { raceOfDefect } from '../races/index.ts';

/** A defect or remedy of the reference stack, as commands list it: `reference+NAME` switches it on. */
export interface ReferenceDefect extends Planted {
  /** What goes wrong, for which user, and how it would show in production. */
  readonly story: string;
  /** Other defects that are switched on with it. */
  readonly on: readonly string[];
}

export const REFERENCE_DEFECTS: readonly ReferenceDefect[] = DEFECTS.map(
  ({ name, kind, summary, story, caughtBy, scenario, durationS, faults, on }) => ({
    name,
    kind: kind ?? 'defect',
    race: raceOfDefect(name)?.name ?? null,
    summary,
    story,
    caughtBy,
    scenario,
    ...(durationS === undefined ? {} : { durationS }),
    ...(faults === undefined ? {} : { faults }),
    on: on ?? [],
  }),
);

/** Throws an Error with one sentence that names all unknown defects. */
export function checkDefects(names: readonly string[]): void {
  chosenDefects(names);
}

/** SQL statements that these defects need on a new database. */
export function schemaChanges(names: readonly string[]): readonly string[] {
  return chosenDefects(names).flatMap(({ schema }) => schema ?? []);
}
