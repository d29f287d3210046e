import type { DuckDBConnection } from '@duckdb/node-api';

import { NOT_RECORDED } from '../model/airflow/schema.ts';
import { messageOf, UsageError } from '../model/errors.ts';
import type { Violation } from '../model/finding.ts';
import type { InvariantResult, Verdict } from '../model/verdict.ts';
import { type InvariantFile, type InvariantForm, located, readInvariantFiles, readOwnFiles } from './invariant-file.ts';
import { withLiteralRun } from './literal-database.ts';
import { type OpenRun, type Row, rowsOf } from './open-run.ts';
import { checkReading, runStatements } from './outside-sql.ts';
import { createViolations } from './violations.ts';

const FOLDER = new URL('../invariants/', import.meta.url);

export const INVARIANT_FORM: InvariantForm = {
  required: ['claim', 'title', 'source', 'needs', 'exercised-by', 'min-exercised'],
  optional: [
    'known-issues',
    'cut-off',
    'because',
    'without-clocks',
    'with-clocks',
    'despite-gaps',
    'sentence',
    'sentence[variant]',
  ],
  sections: ['exercised', 'violations'],
  optionalSections: ['given', 'doubts'],
};

export async function readInvariants(): Promise<readonly InvariantFile[]> {
  return readInvariantFiles(FOLDER, INVARIANT_FORM);
}

/**
 * A user's invariants, from a folder; none without one. Each is tried on an empty run, so that its SQL is known to
 * work.
 */
export async function readOwnInvariants(folder: string | undefined): Promise<readonly InvariantFile[]> {
  if (folder === undefined) return [];
  const files = await readOwnFiles(folder, INVARIANT_FORM);
  const shipped = new Set((await readInvariants()).map(({ name }) => name));
  const problems = files
    .filter(({ name }) => shipped.has(name))
    .map(({ file }) => `${file}: an invariant of this name ships.`);
  for (const file of files) {
    try {
      await withLiteralRun({}, (run) => judgeInvariant(run, file));
    } catch (error) {
      problems.push(messageOf(error));
    }
  }
  if (problems.length > 0) throw new UsageError(problems.join('\n'));
  return files;
}

/** What `windtunnel list` prints: no run is needed to name the invariants. */
export async function listInvariants(
  own: readonly InvariantFile[] = [],
): Promise<Pick<InvariantResult, 'name' | 'claim' | 'known_issues'>[]> {
  return [...(await readInvariants()), ...own].map(({ name, header }) => ({
    name,
    claim: header.claim ?? '',
    known_issues: knownIssuesOf(header),
  }));
}

/**
 * Judges one invariant, and leaves its violations in the table `kept_violations`, of which `readFindings` makes the
 * findings, in the order of `place`. What goes wrong in judging one of ours makes it `unknown`: never a crash, and
 * never a pass. What is wrong with a user's SQL is for the user to fix.
 */
export async function judgeInvariant(run: OpenRun, file: InvariantFile, place = 0): Promise<InvariantResult> {
  // A connection of its own, so that its temporary tables go with it.
  const connection = await run.connect();
  let section = 'given';
  try {
    // Done already where a whole run is judged.
    await run.prepare(`${Object.values(file.sections).join('\n')} lost_runs subject_of kept_violations outages`);
    const { given, violations, exercised: counting } = file.sections;
    if (given) await (file.own ? runStatements(connection, given) : connection.run(given));
    section = 'violations';
    if (file.own) await checkReading(connection, violations ?? '');
    const any = await createViolations(connection, file);
    if (any) await excuseLostRuns(connection);
    const counts = any && !(await isBlind(run, file));
    const doubted = counts ? await takeDoubtful(connection) : null;
    const found = counts ? await readViolations(connection) : NOTHING;
    section = 'exercised';
    if (file.own) await checkReading(connection, counting ?? '');
    const [row] = await rowsOf(connection, counting ?? '');
    const exercised = Number(Object.values(row ?? {})[0] ?? 0);
    const doubts = [await whichGaps(run, file), found.violations > 0 ? await whatClocks(run, file) : null];
    const doubt = doubts.filter((one) => one !== null).join(' ');
    if (doubt !== '' && found.violations > 0) {
      return resultOf(run, file, exercised, NOTHING, inDoubt(found.violations, doubt));
    }
    if (found.violations === 0 && doubted) return resultOf(run, file, exercised, NOTHING, doubted);
    if (found.violations > 0) await keepViolations(connection, file.name, place);
    section = 'doubts';
    const { doubts: unclearSql } = file.sections;
    if (unclearSql && file.own) await checkReading(connection, unclearSql);
    const unclear = unclearSql ? await rowsOf(connection, unclearSql) : [];
    const reasons = [
      await whatIsMissing(run, file),
      doubt,
      ...unclear.map((row) => String(Object.values(row)[0] ?? '')),
    ];
    return resultOf(run, file, exercised, found, reasons.find((reason) => reason !== null && reason !== '') ?? null);
  } catch (error) {
    if (run.over) throw run.over;
    if (file.own) throw located(file, section, error);
    return resultOf(run, file, 0, NOTHING, `judging it failed: ${messageOf(error).split('\n')[0]}`);
  } finally {
    connection.closeSync();
  }
}

/** A violation that involves a DAG run with a gap in its record does not count. */
async function excuseLostRuns(connection: DuckDBConnection): Promise<void> {
  const [lost] = await rowsOf(connection, 'SELECT count(*) AS runs FROM lost_runs');
  if (Number(lost?.runs ?? 0) === 0) return;
  await connection.run(`
    DELETE FROM violations WHERE rowid IN (
      SELECT v FROM (SELECT rowid AS v, unnest(operations) AS op FROM violations)
        JOIN operations USING (op) SEMI JOIN lost_runs USING (dag_id, run_id)
      UNION ALL
      SELECT v FROM (SELECT rowid AS v, unnest(commits) AS seq FROM violations)
        JOIN commits USING (seq) SEMI JOIN lost_runs USING (dag_id, run_id))`);
}

/**
 * Takes away the violations since the harness or the database was away without a plan: whether that brought them about
 * is not known. Returns why they do not count; null where there are none.
 */
async function takeDoubtful(connection: DuckDBConnection): Promise<string | null> {
  const [outage] = await rowsOf(connection, 'SELECT from_ms, why FROM outages ORDER BY from_ms LIMIT 1');
  if (typeof outage?.from_ms !== 'number') return null;
  const sql = "DELETE FROM violations WHERE coalesce(at_ms, 'infinity'::DOUBLE) >= $1 RETURNING at_ms";
  const taken = await connection.runAndReadAll(sql, [outage.from_ms]);
  return taken.currentRowCount === 0 ? null : inDoubt(taken.currentRowCount, `${outage.why}.`);
}

function inDoubt(violations: number, why: string): string {
  return `${violations === 1 ? '1 violation is' : `${violations} violations are`} in doubt, because ${why}`;
}

type Found = Pick<InvariantResult, 'violations' | 'first' | 'worst' | 'last' | 'variants'>;

const NOTHING: Found = { violations: 0, first: null, worst: null, last: null, variants: {} };

/** Every column, and what other orders end with, so that of equal violations the same one is reported each time. */
const EARLIEST = 'at_ms, subject, variant, severity DESC, sentence, operations, commits';

async function readViolations(connection: DuckDBConnection): Promise<Found> {
  const one = async (order: string) => {
    const [row] = await rowsOf(connection, `FROM violations ORDER BY ${order} LIMIT 1`);
    return row ? violationOf(row) : null;
  };
  const variants = await rowsOf(
    connection,
    'SELECT variant, count(*) AS n FROM violations GROUP BY variant ORDER BY n DESC, variant',
  );
  const violations = variants.reduce((sum, { n }) => sum + Number(n), 0);
  if (violations === 0) return NOTHING;
  return {
    violations,
    first: await one(EARLIEST),
    worst: await one(`severity DESC, ${EARLIEST}`),
    last: await one(`at_ms DESC, ${EARLIEST}`),
    variants: Object.fromEntries(variants.map(({ variant, n }) => [String(variant), Number(n)])),
  };
}

/** The earliest and the worst of each variant: enough to group by cause, however many violations there are. */
const MOST_KEPT = 2_000;

/** More than one invariant keeps: so the numbers of their violations are apart, in whatever order they are judged. */
const NUMBERS_OF_ONE = 1_000_000_000;

/** `kept_violations`: what the findings are made of, so that no invariant is judged twice. */
async function keepViolations(connection: DuckDBConnection, invariant: string, place: number): Promise<void> {
  await connection.run(
    `INSERT INTO kept_violations
     SELECT $1::BIGINT + row_number() OVER (ORDER BY ${EARLIEST}) - 1,
       $2, at_ms, subject, variant, severity, sentence, operations, commits
     FROM violations
     QUALIFY row_number() OVER (PARTITION BY variant ORDER BY ${EARLIEST}) <= ${MOST_KEPT}
       OR row_number() OVER (PARTITION BY variant ORDER BY severity DESC, ${EARLIEST}) = 1`,
    [place * NUMBERS_OF_ONE, invariant],
  );
}

export function violationOf(row: Row): Violation & { readonly variant: string } {
  return {
    at_ms: Number(row.at_ms),
    subject: String(row.subject),
    variant: String(row.variant),
    severity: Number(row.severity),
    sentence: String(row.sentence),
    operations: numbersOf(row.operations),
    commits: numbersOf(row.commits),
  };
}

function numbersOf(cell: Row[string] | undefined): number[] {
  return Array.isArray(cell) ? cell.filter((member) => member !== null).map(Number) : [];
}

function resultOf(
  run: OpenRun,
  { name, header }: InvariantFile,
  exercised: number,
  found: Found,
  missing: string | null,
): InvariantResult {
  const wanted = Number(header['min-exercised']);
  const tooFew =
    exercised < wanted
      ? `not exercised enough: ${exercised} of the required ${wanted} ${header['exercised-by']}`
      : null;
  const why = missing ?? tooFew;
  // A counterexample counts however little was recorded or tried.
  const verdict: Verdict = found.violations > 0 ? 'fail' : why ? 'unknown' : 'pass';
  return {
    name,
    claim: header.claim ?? '',
    verdict,
    known_issues: knownIssuesOf(header),
    exercised,
    exercised_wanted: wanted,
    exercised_by: header['exercised-by'] ?? '',
    aimed: run.manifest.plan.scenario.aims.includes(name),
    ...found,
    why_unknown: verdict === 'unknown' ? why : null,
  };
}

function knownIssuesOf(header: InvariantFile['header']): string[] {
  return header['known-issues']?.split(/[,\s]+/) ?? [];
}

/** Tables with times of PostgreSQL. */
const CLOCKED = ['commits', 'server_log', 'lock_waits'];

/**
 * What is wrong with the clocks, if what an invariant says depends on them; null if nothing is. Anything that reads a
 * time of PostgreSQL does, unless its header gives the reason why not: `without-clocks`. Another says `with-clocks`.
 */
async function whatClocks(run: OpenRun, { header, sections }: InvariantFile): Promise<string | null> {
  if (header['without-clocks'] !== undefined) return null;
  const { sentence } = await run.row(`SELECT string_agg(sentence, ' ') AS sentence FROM clocks_in_doubt`);
  if (typeof sentence !== 'string') return null;
  const reads = await run.reads(Object.values(sections).join('\n'));
  const depends = header['with-clocks'] !== undefined || CLOCKED.some((table) => reads.has(table));
  return depends ? `the clocks did not agree: ${sentence}` : null;
}

/**
 * What was left out of the tables that an invariant reads; null if nothing was. It may be a violation, or what
 * explains one, unless the header gives the reason why not: `despite-gaps`.
 */
async function whichGaps(run: OpenRun, { header, sections }: InvariantFile): Promise<string | null> {
  if (header['despite-gaps'] !== undefined) return null;
  const gaps = await run.rows('SELECT DISTINCT "table", sentence FROM gaps ORDER BY ALL');
  if (gaps.length === 0) return null;
  const reads = await run.reads(Object.values(sections).join('\n'));
  const sentences = gaps.filter((gap) => reads.has(String(gap.table))).map(({ sentence }) => String(sentence));
  if (sentences.length === 0) return null;
  const why = sentences.every((sentence) => sentence.startsWith(NOT_RECORDED)) ? '' : 'the record has a gap: ';
  return `${why}${sentences.join('; ')}.`;
}

/** Where a target's commits may not be recorded (docs/target.md), what looks like a violation is only one of them. */
async function isBlind(run: OpenRun, { header }: InvariantFile): Promise<boolean> {
  const needsCommits = /\b(commits|writers)\b/.test(header.needs ?? '');
  return needsCommits && run.manifest.writers === 'none' && (await run.isEmpty('commits'));
}

/** `needs` names tables that must have rows, and `writers`: that commits say who wrote them. */
async function whatIsMissing(run: OpenRun, { header }: InvariantFile): Promise<string | null> {
  for (const need of (header.needs ?? '').split(/[,\s]+/)) {
    if (need === 'writers') {
      if (run.manifest.writers !== 'triggers') return 'the writers of commits were not recorded';
      continue;
    }
    if (run.tables.find(({ name }) => name === need)?.source === null) return `the table ${need} was not recorded`;
    if (await run.isEmpty(need)) return `the table ${need} is empty`;
  }
  return null;
}
