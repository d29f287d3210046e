import { readFile } from 'node:fs/promises';

import type { DuckDBConnection } from '@duckdb/node-api';

import type { Contrast, ContrastLine } from '../../model/finding.ts';
import { literal } from '../../run-folder/files.ts';
import { logGamma } from '../../statistics/special-functions.ts';
import { type Row, rowsOf } from '../open-run.ts';

/** More others than these say nothing more, and a long run has millions. */
const MOST_OTHERS = 50_000;
const MOST_LINES = 3;

/**
 * What clearly distinguishes victims from others: it is significant after correction for the number of questions, most
 * of the victims have it, and many of the others have not. A difference that is only significant is not worth a
 * reader's time.
 */
const CLEAR = { p: 0.01, share: 0.6, apart: 0.3 } as const;

/** Computes, once, the labels of all victims and of the others. */
export async function prepareContrasts(connection: DuckDBConnection): Promise<void> {
  for (const file of ['victims', 'facts']) {
    const sql = await readFile(new URL(`./${file}.sql`, import.meta.url), 'utf8');
    await connection.run(sql.replaceAll('$most', String(MOST_OTHERS)));
  }
}

/**
 * The victims of one finding beside all others of the same run. Several victims of one occurrence (the four tasks that
 * one request skipped) are not independent of each other: all are shown, but only one of each is tested.
 */
export async function readContrast(connection: DuckDBConnection, finding: number): Promise<Contrast | null> {
  const unit = await unitOf(connection, finding);
  if (unit === null) return null;
  await connection.run('DROP TABLE IF EXISTS compared');
  await connection.run(`
    CREATE TEMP TABLE compared AS
    WITH hit AS (
      SELECT member, min(incident) AS incident
      FROM victims JOIN incident_members USING (v) WHERE finding = ${finding} AND unit = ${literal(unit)}
      GROUP BY member
    ), tested AS (
      SELECT member, row_number() OVER (PARTITION BY incident ORDER BY member) = 1 AS tested FROM hit
    )
    SELECT labels, tested.member IS NOT NULL AS victim, coalesce(tested.tested, false) AS tested
    FROM facts LEFT JOIN tested USING (member)
    WHERE unit = ${literal(unit)}
    QUALIFY victim
      OR row_number() OVER (PARTITION BY tested.member IS NOT NULL ORDER BY hash(facts.member)) <= ${MOST_OTHERS}`);
  const all = await sizes(connection, []);
  if (all.victims === 0) return null;
  const lines: ContrastLine[] = [];
  const asked = { times: 0 };
  while (lines.length < MOST_LINES) {
    const line = await clearest(connection, lines, asked);
    if (line === null) break;
    lines.push(line);
  }
  return { unit, victims: all.victims, others: all.others, lines };
}

/** What most of its occurrences hit: a race between schedulers has DAG runs for victims, most others tries. */
async function unitOf(connection: DuckDBConnection, finding: number): Promise<string | null> {
  const [row] = await rowsOf(
    connection,
    `SELECT unit, count(DISTINCT incident) AS hit
     FROM victims JOIN incident_members USING (v) WHERE finding = ${finding}
     GROUP BY unit ORDER BY hit DESC, unit LIMIT 1`,
  );
  return row ? String(row.unit) : null;
}

/**
 * The label that distinguishes best among those that have all labels found before. A label that only follows from them
 * (the task of a trigger rule) distinguishes nothing there. `asked` counts every question, because each one may seem
 * significant by accident.
 */
async function clearest(
  connection: DuckDBConnection,
  before: readonly ContrastLine[],
  asked: { times: number },
): Promise<ContrastLine | null> {
  const of = await sizes(connection, before);
  if (of.tested < 2 || of.others === 0) return null;
  const rows = await rowsOf(
    connection,
    `SELECT label, count(*) FILTER (victim) AS victims, count(*) FILTER (NOT victim) AS others,
       count(*) FILTER (tested) AS tested
     FROM (SELECT unnest(labels) AS label, victim, tested FROM compared ${having(before)})
     GROUP BY label HAVING bool_or(victim)`,
  );
  asked.times += rows.length;
  const lines = rows.map((row) => lineOf(row, of, asked.times)).filter((line) => isClear(line));
  return lines.toSorted((a, b) => apart(b) - apart(a) || a.label.localeCompare(b.label))[0] ?? null;
}

interface Sizes {
  readonly victims: number;
  readonly others: number;
  readonly tested: number;
}

async function sizes(connection: DuckDBConnection, before: readonly ContrastLine[]): Promise<Sizes> {
  const [row] = await rowsOf(
    connection,
    `SELECT count(*) FILTER (victim) AS victims, count(*) FILTER (NOT victim) AS others,
       count(*) FILTER (tested) AS tested FROM compared ${having(before)}`,
  );
  return { victims: Number(row?.victims), others: Number(row?.others), tested: Number(row?.tested) };
}

function having(before: readonly ContrastLine[]): string {
  const labels = before.map(({ label }) => literal(label)).join(', ');
  return before.length === 0 ? '' : `WHERE list_has_all(labels, [${labels}])`;
}

function lineOf(row: Row, of: Sizes, asked: number): ContrastLine {
  const [victims, others, tested] = [Number(row.victims), Number(row.others), Number(row.tested)];
  return {
    label: String(row.label),
    victims,
    of_victims: of.victims,
    others,
    of_others: of.others,
    p_value: Math.min(1, asked * fisher(tested, of.tested, others, of.others)),
  };
}

function isClear(line: ContrastLine): boolean {
  return line.p_value < CLEAR.p && line.victims / line.of_victims >= CLEAR.share && apart(line) >= CLEAR.apart;
}

function apart({ victims, of_victims, others, of_others }: ContrastLine): number {
  return victims / of_victims - others / of_others;
}

/**
 * Fisher's exact test, one-sided: how probable it is that at least `victims` of `ofVictims` have a property that
 * `victims + others` of all have, if being a victim had nothing to do with it. (The upper tail of the hypergeometric
 * distribution, summed in logarithms: counts may be in the hundred thousands.)
 */
export function fisher(victims: number, ofVictims: number, others: number, ofOthers: number): number {
  const having = victims + others;
  const all = ofVictims + ofOthers;
  let sum = 0;
  for (let k = victims; k <= Math.min(having, ofVictims); k++) {
    sum += Math.exp(lnChoose(having, k) + lnChoose(all - having, ofVictims - k) - lnChoose(all, ofVictims));
  }
  return Math.min(1, sum);
}

function lnChoose(n: number, k: number): number {
  return k < 0 || k > n ? -Infinity : logGamma(n + 1) - logGamma(k + 1) - logGamma(n - k + 1);
}
