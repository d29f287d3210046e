import { readFile } from 'node:fs/promises';

import type { DuckDBConnection } from '@duckdb/node-api';
import { messageOf } from '../../model/errors.ts';
import type { BrokenInvariant, FaultWindow, Finding, FindingMoment } from '../../model/finding.ts';
import type { InvariantResult, Judgement } from '../../model/verdict.ts';
import { knownRace } from '../../races/index.ts';
import type { InvariantFile } from '../invariant-file.ts';
import { violationOf } from '../invariants.ts';
import { type OpenRun, rowsOf } from '../open-run.ts';
import { prepareContrasts, readContrast } from './contrast.ts';
import { type Incident, type InvariantRank, incidentsOf, type KeptViolation, type Kind, kindsOf } from './incidents.ts';
import { readFindingTimeline } from './timeline.ts';

const LINKS = new URL('links.sql', import.meta.url);

/** Each costs some queries, and readers do not read more; findings beyond these have no timeline, then are left out. */
const SHOWN = { findings: 50, timelines: 12 } as const;

type Findings = Pick<Judgement, 'findings' | 'findings_left_out'>;

/**
 * The violations of a judged run, grouped by cause and explained. `invariants` have left them in `kept_violations`. A
 * verdict does not hang on its explanation: what goes wrong here is said, and the verdict stands.
 */
export async function readFindings(
  run: OpenRun,
  files: readonly InvariantFile[],
  invariants: readonly InvariantResult[],
): Promise<Findings> {
  const broken = invariants.filter(({ violations }) => violations > 0);
  if (broken.length === 0) return { findings: [], findings_left_out: null };
  const connection = await run.connect();
  try {
    await connection.run(await readFile(LINKS, 'utf8'));
    const kept = await readKept(connection);
    const kinds = kindsOf(incidentsOf(kept, ranksOf(files))).toSorted(
      (a, b) =>
        invariantsOf(b).size - invariantsOf(a).size ||
        b.incidents.length - a.incidents.length ||
        a.fingerprint.localeCompare(b.fingerprint),
    );
    await keepIncidents(connection, kinds);
    await prepareContrasts(connection);
    const findings: Finding[] = [];
    for (const [index, kind] of kinds.slice(0, SHOWN.findings).entries()) {
      findings.push(await findingOf(connection, kind, { index, broken, files, kept }));
    }
    return { findings, findings_left_out: tooMany(kinds) };
  } catch (error) {
    const why = messageOf(error).split('\n')[0];
    return { findings: [], findings_left_out: `The violations could not be grouped by cause: ${why}` };
  } finally {
    connection.closeSync();
  }
}

async function readKept(connection: DuckDBConnection): Promise<KeptViolation[]> {
  const rows = await rowsOf(
    connection,
    `SELECT kept_violations.*, coalesce(cause_ms, at_ms) AS cause_ms, coalesce(keys, []) AS keys
     FROM kept_violations LEFT JOIN (
       SELECT v, min(cause_ms) AS cause_ms, list(key ORDER BY key) AS keys FROM violation_links GROUP BY v
     ) USING (v)
     ORDER BY v`,
  );
  return rows.map((row) => ({
    invariant: String(row.invariant),
    ...violationOf(row),
    v: Number(row.v),
    cause_ms: Number(row.cause_ms),
    keys: Array.isArray(row.keys) ? row.keys.map(String) : [],
  }));
}

function ranksOf(files: readonly InvariantFile[]): (invariant: string) => InvariantRank {
  const headers = new Map(files.map(({ name, header }) => [name, header]));
  return (invariant) => ({
    seesServer: /\b(commits|server_log)\b/.test(headers.get(invariant)?.needs ?? ''),
    knownRaces: headers.get(invariant)?.['known-issues'] !== undefined,
  });
}

function tooMany(kinds: readonly Kind[]): string | null {
  const hidden = kinds.slice(SHOWN.findings);
  if (hidden.length === 0) return null;
  const names = [...new Set(hidden.map(({ invariant }) => invariant))].join(', ');
  return `${hidden.length} more findings are not shown, of ${names}.`;
}

function invariantsOf({ incidents }: Kind): Set<string> {
  return new Set(incidents.flatMap(({ members }) => members.map(({ invariant }) => invariant)));
}

/** Which violation belongs to which finding and occurrence, for the queries that follow. */
async function keepIncidents(connection: DuckDBConnection, kinds: readonly Kind[]): Promise<void> {
  const rows = kinds.flatMap(({ incidents }, finding) =>
    incidents.flatMap(({ members }, incident) => members.map(({ v }) => [v, finding, incident])),
  );
  await connection.run(
    `CREATE TEMP TABLE incident_members AS
     SELECT row[1] AS v, row[2] AS finding, row[3] AS incident
     FROM (SELECT unnest(from_json($1, '[["BIGINT"]]')) AS row)`,
    [JSON.stringify(rows)],
  );
}

interface Known {
  readonly index: number;
  readonly broken: readonly InvariantResult[];
  readonly files: readonly InvariantFile[];
  /** All that is grouped. */
  readonly kept: readonly KeptViolation[];
}

async function findingOf(connection: DuckDBConnection, kind: Kind, known: Known): Promise<Finding> {
  const { invariant, variant, fingerprint, incidents } = kind;
  const worst = incidents.reduce((most, one) => (isWorse(one, most) ? one : most));
  const last = incidents.reduce((most, one) => (one.root.at_ms > most.root.at_ms ? one : most));
  const first = incidents.reduce((most, one) => (one.root.at_ms < most.root.at_ms ? one : most));
  const hasStory = known.index < SHOWN.timelines;
  return {
    id: `F${known.index + 1}`,
    fingerprint,
    title: titleOf(kind, known.files),
    root: { invariant, variant },
    invariants: brokenInvariants(kind, known.broken),
    known_race: knownRace(invariant, variant)?.name ?? null,
    occurrences: incidents.length,
    violations: incidents.reduce((sum, { members }) => sum + members.length, 0),
    first: momentOf(first),
    worst: momentOf(worst),
    last: momentOf(last),
    timeline: hasStory ? await readFindingTimeline(connection, worst) : null,
    contrast: hasStory ? await readContrast(connection, known.index) : null,
    faults: await readFaults(connection, known.index),
    ...(await readWorkerLogs(connection, known.index)),
    left_out: leftOut(kind, known),
  };
}

/** An incident with a request or commit as proof has a full timeline and comes first; then the severity decides. */
function isWorse(one: Incident, other: Incident): boolean {
  const [proved, otherProved] = [one, other].map(({ members }) => members.some(isProved));
  return proved === otherProved ? one.root.severity > other.root.severity : proved === true;
}

function isProved({ operations, commits }: KeptViolation): boolean {
  return operations.length + commits.length > 0;
}

/** The title for users: that of the known race, else that of the invariant with the variant. */
function titleOf({ invariant, variant }: Kind, files: readonly InvariantFile[]): string {
  const race = knownRace(invariant, variant);
  if (race) return race.title;
  const header = files.find(({ name }) => name === invariant)?.header;
  return `${header?.title ?? `${invariant} was broken`} (${variant})`;
}

/** The invariant of the root first, then by the number of violations. */
function brokenInvariants(kind: Kind, broken: readonly InvariantResult[]): BrokenInvariant[] {
  const counts = new Map<string, number>();
  for (const { members } of kind.incidents) {
    for (const { invariant } of members) counts.set(invariant, (counts.get(invariant) ?? 0) + 1);
  }
  return [...counts]
    .map(([name, violations]) => ({
      name,
      claim: broken.find((one) => one.name === name)?.claim ?? '',
      violations,
    }))
    .sort(
      (a, b) =>
        Number(b.name === kind.invariant) - Number(a.name === kind.invariant) ||
        b.violations - a.violations ||
        a.name.localeCompare(b.name),
    );
}

function momentOf({ root: { v, cause_ms, keys, ...moment } }: Incident): FindingMoment {
  return moment;
}

/** Of one finding. */
const MOST_LOGS = 5;

/** A fault may do its harm a little after it was healed: what waited for it is served then. */
const AFTER_HEALING_MS = 2000;

/**
 * Of the real workers that sent the requests which prove it, those that were refused first. A name of another form is
 * none of ours.
 */
async function readWorkerLogs(connection: DuckDBConnection, finding: number): Promise<Pick<Finding, 'worker_logs'>> {
  const rows = await rowsOf(
    connection,
    `SELECT lives.log
     FROM (SELECT DISTINCT unnest(operations) AS op FROM kept_violations JOIN incident_members USING (v)
           WHERE finding = ${finding})
     JOIN operations USING (op) JOIN lives USING (life)
     WHERE regexp_full_match(lives.log, 'logs/workers/life-\\d+\\.log')
     GROUP BY lives.life, lives.log
     ORDER BY bool_or(operations.outcome = 'refused') DESC, lives.life LIMIT ${MOST_LOGS}`,
  );
  return rows.length === 0 ? {} : { worker_logs: rows.map(({ log }) => String(log)) };
}

async function readFaults(connection: DuckDBConnection, finding: number): Promise<FaultWindow[]> {
  const rows = await rowsOf(
    connection,
    `SELECT fault, victim, opened_ms, closed_ms, any_value(detail) AS detail, count(DISTINCT incident) AS occurrences
     FROM fault_windows
     JOIN (SELECT incident, min(at_ms) AS at_ms FROM kept_violations JOIN incident_members USING (v)
           WHERE finding = ${finding} GROUP BY incident)
       ON at_ms >= opened_ms - clock_tolerance_ms() AND at_ms <= coalesce(closed_ms + ${AFTER_HEALING_MS}, 'infinity')
     GROUP BY ALL ORDER BY occurrences DESC, opened_ms, fault, victim LIMIT 20`,
  );
  return rows.map((row) => ({
    fault: String(row.fault),
    victim: String(row.victim),
    opened_ms: Number(row.opened_ms),
    closed_ms: row.closed_ms === null ? null : Number(row.closed_ms),
    detail: row.detail === null ? null : String(row.detail),
    occurrences: Number(row.occurrences),
  }));
}

/** Grouping is bounded; counts of invariants are not, so the difference can be said. */
function leftOut(kind: Kind, { broken, kept }: Known): string | null {
  const names = invariantsOf(kind);
  const parts = broken.flatMap(({ name, violations }) => {
    if (!names.has(name)) return [];
    const grouped = kept.filter(({ invariant }) => invariant === name).length;
    return grouped < violations ? [`${grouped} of ${violations} violations of ${name}`] : [];
  });
  return parts.length === 0 ? null : `Only ${parts.join(' and ')} were grouped: this happened at least so often.`;
}
