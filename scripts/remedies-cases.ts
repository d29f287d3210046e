import type { Judgement } from '../harness/model/verdict.ts';

/** So many of so many occasions. */
export interface Share {
  readonly hits: number;
  readonly of: number;
}

/** What became of requests for backfills that got no runs: rows that were left, with how long each blocked its DAG. */
export interface Orphans {
  readonly requests: number;
  /** Seconds until a row was completed. */
  readonly ended_s: readonly number[];
  /** Seconds for which the others were watched, and were not completed. */
  readonly open_s: readonly number[];
}

/** What one run showed of a remedy, by column. */
export type Measured = Readonly<Record<string, Share | Orphans | number>>;

/** The remedies of one race: on what they are played, and what is measured of each. */
export interface RemedyCase {
  readonly race: string;
  readonly scenario: string;
  /** Minutes that a run takes on two cores that do nothing else, with the start of its stack and the judge. */
  readonly minutes: number;
  readonly builds: readonly { readonly remedy: string; readonly build: string }[];
  /** Asked of each run: SQL for one row, or several, in JSON. */
  readonly sql: string;
  measure(judgement: Judgement, rows: readonly Readonly<Record<string, unknown>>[]): Measured;
}

const patched = (release: string, ...names: readonly string[]) =>
  [`airflow@${release}`, ...names.map((name) => `patches/${release}/${name}.patch`)].join('+');

const BACKFILLS: RemedyCase = {
  race: '#62561',
  scenario: 'orphans',
  minutes: 4,
  builds: [
    { remedy: 'none', build: 'airflow@3.2.1' },
    { remedy: 'guard', build: patched('3.2.1', '62561-guard') },
    { remedy: 'flush', build: patched('3.2.1', '62561-flush') },
    { remedy: 'age of 5 minutes', build: patched('3.2.1', '62561-age-5m') },
    { remedy: 'age of 10 minutes', build: patched('3.2.1', '62561-age-10m') },
    { remedy: 'guard, and completion on failure', build: patched('3.2.1', '62561-guard', '62561-complete-on-failure') },
    { remedy: 'state marker', build: patched('3.2.1', '62561-marker') },
    { remedy: 'age of 2 minutes', build: 'airflow@3.2.2' },
  ],
  // A request that was under way when its server was killed, and every one for no runs that was not refused.
  sql: `
    WITH ends AS (SELECT max(committed_ms) AS last_ms FROM commits), asked AS (
      SELECT op, dag_id, dag_id LIKE '%wt\\_empty\\_%' ESCAPE '\\' AS empty FROM operations
      WHERE kind = 'backfill' AND outcome <> 'refused'
        AND (dag_id LIKE '%wt\\_empty\\_%' ESCAPE '\\' OR EXISTS (
          FROM fault_windows WHERE fault = 'kill' AND victim LIKE 'api-core%'
            AND sent_ms < opened_ms AND coalesce(ended_ms, 1e300) >= opened_ms))
    )
    SELECT CASE WHEN empty THEN 'empty' ELSE 'killed' END AS what, backfill_id,
      (coalesce(completed_ms, last_ms) - created_ms) / 1000 AS seconds, completed_ms IS NOT NULL AS ended
    FROM asked CROSS JOIN ends LEFT JOIN backfill_lives
      ON backfill_lives.post = asked.op AND backfill_lives.runs = 0 AND NOT backfill_lives.cancelled`,
  measure(judgement, rows) {
    const orphans = (what: string): Orphans => {
      const asked = rows.filter((row) => row.what === what);
      const left = asked.filter(({ backfill_id }) => backfill_id !== null);
      const seconds = (ended: boolean) =>
        left.filter((row) => row.ended === ended).map((row) => Math.round(Number(row.seconds)));
      return { requests: asked.length, ended_s: seconds(true), open_s: seconds(false) };
    };
    return {
      early: shareOf(judgement, 'backfill-completes-after-its-runs', ['before its runs existed']),
      second: shareOf(judgement, 'backfill-does-not-block', ['two active at once', 'requested at the same time']),
      empty: orphans('empty'),
      killed: orphans('killed'),
    };
  },
};

const FIELDS: RemedyCase = {
  race: '#63581',
  scenario: 'late-fields',
  minutes: 3,
  builds: [
    { remedy: 'none', build: 'airflow@3.2.2' },
    { remedy: 'retry after rollback', build: patched('3.2.2', '63581-retry') },
    { remedy: 'upsert', build: patched('3.2.2', '63581-upsert') },
    { remedy: 'upsert, and a lock on the try', build: patched('3.2.2', '63581-upsert', '63581-key-share') },
    { remedy: 'upsert (3.3.2)', build: 'airflow@3.3.2' },
  ],
  // Task instances of which an earlier try was still writing when a later one wrote, too; the slowest clear.
  sql: `
    WITH tries AS (
      SELECT * FROM operations WHERE kind = 'rtif' AND outcome <> 'refused'
    ), met AS (
      SELECT DISTINCT one.dag_id, one.run_id, one.task_id, one.map_index
      FROM tries AS one JOIN operations AS other USING (dag_id, run_id, task_id, map_index)
      WHERE other.kind = 'rtif' AND one.ti_id <> other.ti_id AND one.sent_ms < other.sent_ms
        AND (one.outcome = 'unknown' OR one.ended_ms > other.sent_ms)
    )
    SELECT (SELECT count(*) FROM met) AS met,
      (SELECT max(ended_ms - sent_ms) / 1000 FROM operations WHERE kind = 'clear' AND outcome = 'ok') AS clear_s`,
  measure(judgement, [row]) {
    const invariant = 'rtif-last-writer-wins';
    const met = Number(row?.met ?? 0);
    const among = (variants: readonly string[]) => ({ ...shareOf(judgement, invariant, variants), of: met });
    return {
      twice: shareOf(judgement, invariant, ['two at once', 'retry of a lost answer', 'another write']),
      other: among(['another try']),
      late: among(['late write of an earlier try']),
      clear_s: Number(row?.clear_s ?? 0),
    };
  },
};

const DEADLOCKS: Omit<RemedyCase, 'scenario'> = {
  race: '#66734',
  minutes: 2,
  builds: [
    { remedy: 'none', build: 'airflow@3.2.1' },
    { remedy: '503 and Retry-After', build: patched('3.2.1', '66734-retryable-answer') },
    { remedy: 'state lock apart (3.2.2)', build: 'airflow@3.2.2' },
  ],
  // End reports that lost in a deadlock.
  sql: `
    WITH fates AS (
      SELECT requested, coalesce(retry_after, false) AS asks,
        (SELECT arg_max(n.status, n.attempt) FROM operations AS n
          WHERE n.kind = 'state' AND n.ti_id = o.ti_id AND n.attempt > o.attempt) AS at_last,
        (SELECT arg_min(state, seq) FROM task_instance_changes
          WHERE old_ti_id = o.ti_id AND old_state = 'running' AND state <> 'running') AS became
      FROM operations AS o JOIN deadlocks ON operation = op WHERE kind = 'state'
    )
    SELECT count(*) AS lost, count(*) FILTER (asks) AS asked, count(*) FILTER (at_last BETWEEN 200 AND 299) AS accepted,
      count(*) FILTER (became IS DISTINCT FROM requested) AS otherwise
    FROM fates`,
  measure(judgement, [row]) {
    const lost = Number(row?.lost ?? 0);
    const among = (column: string) => ({ hits: Number(row?.[column] ?? 0), of: lost });
    const logs = judgement.invariants.find(({ name }) => name === 'logs-say-what-happened')?.violations ?? 0;
    return { asked: among('asked'), accepted: among('accepted'), otherwise: among('otherwise'), logs };
  },
};

export const CASES: readonly RemedyCase[] = [
  BACKFILLS,
  FIELDS,
  { ...DEADLOCKS, scenario: 'storm' },
  { ...DEADLOCKS, scenario: 'storm-patient' },
];

/** Each once, in the order of the tables. */
export const REMEDY_RACES: readonly string[] = [...new Set(CASES.map(({ race }) => race))];

function shareOf({ invariants }: Judgement, name: string, variants: readonly string[]): Share {
  const result = invariants.find((one) => one.name === name);
  const hits = variants.reduce((sum, variant) => sum + (result?.variants?.[variant] ?? 0), 0);
  // What violates an invariant was an occasion, also where the rule that counts these did not see it.
  return { hits, of: Math.max(hits, result?.exercised ?? 0) };
}
