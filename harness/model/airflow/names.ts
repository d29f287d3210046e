import { tablesOfRelation, WATCHED_NAMES } from './schema.ts';

const RELATIONS: ReadonlyMap<string, string> = new Map(
  WATCHED_NAMES.flatMap((name) => tablesOfRelation(name).map((table) => [table, name] as const)),
);

/** A table's name in the run folder: `xcom` for `xcom_v2` of 3.4. One that is not recorded has its own. */
export function relationOf(table: string): string {
  return RELATIONS.get(table) ?? table;
}

/** A column's name there: `map_index` for the `region_index` of 3.4. */
export function columnOf(column: string): string {
  return column === 'region_index' ? 'map_index' : column;
}
