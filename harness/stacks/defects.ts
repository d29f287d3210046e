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

export const REFERENCE_DEFECTS: readonly ReferenceDefect[] = DEFECTS.map(({ change: _, schema: __, ...defect }) => ({
  kind: 'defect',
  race: raceOfDefect(defect.name)?.name ?? null,
  on: [],
  ...defect,
}));

/** Throws an Error with one sentence that names all unknown defects. */
export function checkDefects(names: readonly string[]): void {
  chosenDefects(names);
}

/** SQL statements that these defects need on a new database. */
export function schemaChanges(names: readonly string[]): readonly string[] {
  return chosenDefects(names).flatMap(({ schema }) => schema ?? []);
}
