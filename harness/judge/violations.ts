import type { DuckDBConnection } from '@duckdb/node-api';

import { identifier, literal } from '../run-folder/files.ts';
import type { InvariantFile } from './invariant-file.ts';
import { rowsOf } from './open-run.ts';
import { placesOf, sentenceSql } from './sentence.ts';

/**
 * The temporary table `violations`, of what the section selects: its own columns, and for those that every violation
 * has and the section does not give, what follows from others. False if it is empty, and then there may be no table: of
 * our own invariants a test has shown that the rest works.
 */
export async function createViolations(connection: DuckDBConnection, file: InvariantFile): Promise<boolean> {
  const [found] = await rowsOf(connection, `CREATE TEMP TABLE found AS ${file.sections.violations}`);
  const any = Number(found?.Count) > 0;
  if (!any && !file.own) return false;
  const described = await rowsOf(connection, 'DESCRIBE found');
  const there = new Set(described.map((row) => String(row.column_name)));
  const inner = ['subject', 'variant', 'severity'].filter((column) => !there.has(column));
  const added = inner.map((column) => `${defaultSql(column, there)} AS ${column}`);
  const given = `SELECT *${added.map((column) => `, ${column}`).join('')} FROM found`;
  await connection.run(
    `CREATE TEMP TABLE violations AS
     SELECT ${defaultSql('at_ms', there)}::DOUBLE AS at_ms, subject, variant, severity,
       ${there.has('sentence') ? 'sentence' : sentencesSql(file, new Set([...there, ...inner]))} AS sentence,
       ${evidenceSql('operations', 'op', 'ops', there)} AS operations,
       ${evidenceSql('commits', 'seq', 'seqs', there)} AS commits
     FROM (${given})`,
  );
  await connection.run('DROP TABLE found');
  return any;
}

/** When it happened: at the commit, or when the answer came. */
const MOMENTS = ['at_ms', 'committed_ms', 'ended_ms', 'sent_ms'];

function defaultSql(column: string, there: ReadonlySet<string>): string {
  const has = (name: string) => (there.has(name) ? identifier(name) : 'NULL');
  switch (column) {
    case 'at_ms': {
      const moments = MOMENTS.filter((name) => there.has(name));
      if (moments.length > 0) return `coalesce(${moments.map(identifier).join(', ')})`;
      throw new Error(`the violations have no at_ms, and none of ${MOMENTS.slice(1).join(', ')} to take it from`);
    }
    case 'subject':
      if (!there.has('dag_id')) throw new Error('the violations have neither a subject nor a dag_id to make it of');
      return `subject_of(dag_id, ${has('run_id')}, ${has('task_id')}, ${has('map_index')})`;
    case 'variant':
      return there.has('writer') ? "coalesce(role_of(writer), 'unknown writer')" : "'violated'";
    default:
      return '1';
  }
}

function sentencesSql({ header }: InvariantFile, there: ReadonlySet<string>): string {
  const otherwise = header.sentence;
  const cases = Object.entries(header).flatMap(([key, template]) => {
    const variant = /^sentence\[(.+)\]$/.exec(key)?.[1];
    return variant === undefined ? [] : [`WHEN variant = ${literal(variant)} THEN ${sentence(template, there)}`];
  });
  if (!otherwise && cases.length === 0) throw new Error('there is neither a "-- sentence:" nor a column sentence');
  const last = otherwise ? sentence(otherwise, there) : "subject || ': ' || variant";
  return cases.length === 0 ? last : `CASE ${cases.join(' ')} ELSE ${last} END`;
}

function sentence(template: string, there: ReadonlySet<string>): string {
  const missing = placesOf(template).columns.filter((column) => !there.has(column));
  if (missing.length > 0) {
    throw new Error(`the sentence names {${missing.join('}, {')}}, which the violations do not select`);
  }
  return sentenceSql(template);
}

/** The rows that prove it: the first of these that is there and not NULL: a list, or the number of one. */
function evidenceSql(name: string, one: string, many: string, there: ReadonlySet<string>): string {
  const lists = [name, many].filter((column) => there.has(column)).map(identifier);
  if (there.has(one)) lists.push(`[${identifier(one)}]`);
  return `coalesce(${[...lists.map((list) => `list_filter(${list}, x -> x IS NOT NULL)`), '[]'].join(', ')})::BIGINT[]`;
}
