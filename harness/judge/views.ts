import { readdir, readFile } from 'node:fs/promises';

import type { DuckDBConnection } from '@duckdb/node-api';

/** A file of `views/`: statements that create views, tables and macros, and stand on files before it only. */
export interface ViewFile {
  readonly name: string;
  readonly sql: string;
  /** What it leaves behind, by kind. */
  readonly creates: ReadonlyMap<string, string>;
  readonly words: ReadonlySet<string>;
}

const FOLDER = new URL('./views/', import.meta.url);
let files: Promise<readonly ViewFile[]> | undefined;

/** In the order of their names, and read once a process: a soak judges hundreds of windows. */
export function readViewFiles(): Promise<readonly ViewFile[]> {
  files ??= (async () => {
    const names = (await readdir(FOLDER)).filter((name) => name.endsWith('.sql')).sort();
    return Promise.all(names.map(async (name) => viewFile(name, await readFile(new URL(name, FOLDER), 'utf8'))));
  })();
  return files;
}

function viewFile(name: string, sql: string): ViewFile {
  const created = [...sql.matchAll(/^CREATE OR REPLACE (VIEW|TABLE|MACRO) (\w+)/gm)];
  const creates = new Map(created.map(([, kind = '', object = '']) => [object, kind]));
  for (const [, object = ''] of sql.matchAll(/^DROP TABLE (\w+)/gm)) creates.delete(object);
  return { name, sql, creates, words: wordsOf(sql) };
}

/** Words of statements that ask what there is. */
const CATALOGUE = ['show', 'duckdb_views', 'duckdb_tables', 'duckdb_columns', 'information_schema'];

/** The words of SQL outside comments that take a line. One that only looks like a view's name costs time, no more. */
function wordsOf(sql: string): ReadonlySet<string> {
  const lines = sql.split('\n').filter((line) => !line.trimStart().startsWith('--'));
  return new Set(lines.join('\n').toLowerCase().split(/\W+/));
}

/** The views of a database, each file of them made when SQL first names something that it creates. */
export class Views {
  readonly #connection: DuckDBConnection;
  readonly #files: readonly ViewFile[];
  readonly #made: Set<string>;
  /** Each is worked out once, when it is made: worth it where planning it again takes longer than its rows. */
  readonly asTables: boolean;
  #turn: Promise<void> = Promise.resolve();

  constructor(
    connection: DuckDBConnection,
    viewFiles: readonly ViewFile[],
    { made = [], asTables = false }: { readonly made?: Iterable<string>; readonly asTables?: boolean } = {},
  ) {
    this.#connection = connection;
    this.#files = viewFiles;
    this.#made = new Set(made);
    this.asTables = asTables;
  }

  /** The files that were made. */
  get made(): ReadonlySet<string> {
    return this.#made;
  }

  /** Makes what a statement reads, if it is not there yet; without one, everything. */
  prepare(sql?: string): Promise<void> {
    // In turn: two that want the same view must not both make it.
    const words = wordsOf(sql ?? '');
    const all = sql === undefined || CATALOGUE.some((word) => words.has(word));
    const turn = this.#turn.then(() => this.#make(all ? 'all' : words, this.#files.length));
    this.#turn = turn.catch(() => {});
    return turn;
  }

  /** The words of a statement, and of the views that it stands on. */
  reads(sql: string): ReadonlySet<string> {
    const words = new Set(wordsOf(sql));
    // Each statement stands on those before it only.
    const statements = this.#files.flatMap((file) => file.sql.split(/^(?=CREATE OR REPLACE )/m)).toReversed();
    for (const statement of statements) {
      const name = /^CREATE OR REPLACE \w+ (\w+)/.exec(statement)?.[1];
      if (name !== undefined && words.has(name)) for (const word of wordsOf(statement)) words.add(word);
    }
    return words;
  }

  /** `before`: a file stands on those before it. */
  async #make(words: ReadonlySet<string> | 'all', before: number): Promise<void> {
    for (const [place, file] of this.#files.slice(0, before).entries()) {
      const wanted = words === 'all' || [...file.creates.keys()].some((name) => words.has(name));
      if (!wanted) continue;
      await this.#make(file.words, place);
      if (this.#made.has(file.name)) continue;
      await this.#connection.run(
        this.asTables ? file.sql.replace(/^CREATE OR REPLACE VIEW /gm, 'CREATE OR REPLACE TABLE ') : file.sql,
      );
      this.#made.add(file.name);
    }
  }
}
