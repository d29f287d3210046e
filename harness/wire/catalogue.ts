import { columnOf, relationOf } from '../model/airflow/names.ts';

/** A column of a table, as the system catalogue has it. */
export interface CataloguedColumn {
  /** The OID of the table. */
  readonly oid: number;
  readonly table: string;
  /** Its number in the table, from 1. */
  readonly number: number;
  readonly column: string;
}

/** What reads all of a database. */
export const CATALOGUE = `
  SELECT c.oid::int AS oid, c.relname AS "table", a.attnum::int AS number, a.attname AS "column"
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
   WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0`;

/** The columns that name a row, or the one that it belongs to. */
const KEYS = new Set('id dag_id run_id task_id map_index key task_instance_id ti_id dag_run_id backfill_id'.split(' '));

export function isKeyColumn(column: string): boolean {
  return KEYS.has(column);
}

/** Tables that PostgreSQL itself makes have smaller OIDs. */
const FIRST_OID = 16_384;
/** A table that is not there may be new; it is asked for no more often. */
const ASK_EVERY_MS = 1_000;

type Tables = Map<number, Map<number, { readonly relation: string; readonly column: string }>>;

/** Names of tables and columns by their numbers, as answers have them. */
export class Catalogue {
  readonly #read: () => Promise<readonly CataloguedColumn[]>;
  #tables: Tables = new Map();
  #askedAt = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | undefined;

  constructor(read: () => Promise<readonly CataloguedColumn[]>) {
    this.#read = read;
  }

  /** Reads it again. Rejects if the database does not answer. */
  load(): Promise<void> {
    this.#askedAt = performance.now();
    this.#asking ??= this.#load().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  /** Reads it if it was never read; what fails is tried again when it is needed. */
  begin(): void {
    if (this.#askedAt === Number.NEGATIVE_INFINITY) void this.load().catch(() => undefined);
  }

  /** The names of a key column; undefined for another column, or none. */
  keyColumn(
    oid: number,
    number: number,
  ): { readonly relation: string; readonly column: string } | undefined | 'unknown' {
    if (oid < FIRST_OID) return undefined;
    const table = this.#tables.get(oid);
    if (table) return table.get(number);
    // What cannot be read now is asked for again.
    if (performance.now() - this.#askedAt > ASK_EVERY_MS) void this.load().catch(() => undefined);
    return 'unknown';
  }

  async #load(): Promise<void> {
    const tables: Tables = new Map();
    for (const { oid, table, number, column } of await this.#read()) {
      const columns = tables.get(oid) ?? new Map();
      tables.set(oid, columns);
      const name = columnOf(column);
      if (isKeyColumn(name)) columns.set(number, { relation: relationOf(table), column: name });
    }
    this.#tables = tables;
  }
}
