import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { expect, test } from 'vitest';

import { KNOWN_TABLES } from '../harness/model/airflow/schema.ts';

const root = path.join(import.meta.dirname, '..');
/** The one place that knows Airflow's tables. */
const HOME = 'harness/model/airflow/';
const ALSO = ['serialized_dag', 'import_error', 'alembic_version', 'dynamic_region', 'task_reschedule', 'task_map'];
const TABLES = [...KNOWN_TABLES, ...ALSO];
/** Names that some releases have and others do not, beside those that the run folder has for all of them. */
const OF_SOME = /\b(xcom_v\d|rtif_v\d|region_index|region_id|archived_reason|legacy_task_data_owner)\b/;
/** What a statement names a table with. */
const STATEMENT = new RegExp(
  `(?:\\b(?:FROM|JOIN|INTO|UPDATE|TABLE|ONLY)\\s+|\\bpublic\\.|to_regclass\\(')"?(${TABLES.join('|')})\\b`,
);
/** Statements by the names that plans have for them, and made-up ones to be looked at. */
const NAMED = /'(?:UPDATE|INSERT INTO) (?:task_instance|dag_run|backfill)'/g;

function files(kinds: RegExp): { readonly file: string; readonly lines: readonly string[] }[] {
  return readdirSync(path.join(root, 'harness'), { recursive: true, encoding: 'utf8' })
    .map((name) => path.posix.join('harness', name.replaceAll(path.sep, '/')))
    .filter((file) => kinds.test(file) && !/\.test\.ts$|^harness\/testing\//.test(file) && !file.startsWith(HOME))
    .map((file) => ({ file, lines: readFileSync(path.join(root, file), 'utf8').split('\n') }));
}

function found(kinds: RegExp, isFound: (line: string) => boolean): string[] {
  return files(kinds).flatMap(({ file, lines }) =>
    lines.flatMap((line, i) => {
      const isComment = /^\s*(\/\/|\*|\/\*|--)/.test(line);
      return !isComment && isFound(line) ? [`${file}:${i + 1}: ${line.trim()}`] : [];
    }),
  );
}

test('no statement names a table of Airflow outside of the one place that knows them', () => {
  expect(STATEMENT.test('SELECT 1 FROM task_instance ti')).toBe(true);
  expect(found(/\.ts$/, (line) => STATEMENT.test(line.replaceAll(NAMED, "''")))).toEqual([]);
});

test('no name that only some releases have is anywhere else, neither in SQL nor in TypeScript', () => {
  expect(OF_SOME.test('map_index AS region_index')).toBe(true);
  expect(found(/\.(ts|sql)$/, (line) => OF_SOME.test(line))).toEqual([]);
});
