import type { JudgedEpisode } from '../model/episode.ts';
import { isRecord } from '../model/json.ts';
import type { InvariantResult, Judgement } from '../model/verdict.ts';
import type { OpenRun, Row } from './open-run.ts';

/**
 * Violations by the episode that they belong to: the one with the DAG of the rows that prove it, or, where these name
 * no DAG of an episode, the one that was under way.
 */
const VIOLATIONS = `
  WITH named AS (
    SELECT DISTINCT v, episode
    FROM (
      SELECT v, dag_id FROM (SELECT v, unnest(operations) AS op FROM kept_violations) JOIN operations USING (op)
      UNION ALL
      SELECT v, dag_id FROM (SELECT v, unnest(commits) AS seq FROM kept_violations) JOIN commits USING (seq)
    ) JOIN episodes USING (dag_id)
  ), under_way AS (
    SELECT v, episode FROM kept_violations ANTI JOIN named USING (v)
      JOIN episodes ON at_ms BETWEEN from_ms AND to_ms + clock_tolerance_ms()
  )
  SELECT episode, invariant, variant, sentence, at_ms
  FROM (FROM named UNION ALL FROM under_way) JOIN kept_violations USING (v)
  ORDER BY episode, at_ms, invariant, variant`;

/** The episodes of a replay, each with what was violated in it. */
export async function readEpisodes(
  run: OpenRun,
  invariants: readonly InvariantResult[],
): Promise<Pick<Judgement, 'episodes'>> {
  if (run.tables.find(({ name }) => name === 'episodes')?.source === null) return {};
  const violations = await run.rows(VIOLATIONS);
  const rows = await run.rows('FROM episodes ORDER BY episode');
  return { episodes: rows.map((row) => judgedEpisode(row, { violations, invariants })) };
}

function judgedEpisode(
  row: Row,
  all: { readonly violations: readonly Row[]; readonly invariants: readonly InvariantResult[] },
): JudgedEpisode {
  const breaks = breaksOf(String(row.breaks));
  const its = all.violations.filter(({ episode }) => episode === row.episode);
  const isNamed = ({ invariant, variant }: Row) => {
    const variants = breaks.get(String(invariant));
    return variants !== undefined && (variants === null || variants.includes(String(variant)));
  };
  const named = its.filter(isNamed);
  const untested = all.invariants.filter(({ name, exercised }) => breaks.has(name) && exercised === 0);
  const ended = String(row.ended);
  const isUntested = (ended === 'played' || ended === 'absent') && named.length === 0 && untested.length > 0;
  const outcome =
    named.length > 0
      ? 'broken'
      : isUntested || ended === 'not-reached'
        ? 'not-reached'
        : ended === 'excluded'
          ? ended
          : 'held';
  return {
    episode: Number(row.episode),
    race: String(row.race),
    file: String(row.file),
    kind: row.kind as JudgedEpisode['kind'],
    outcome,
    seconds: (Number(row.to_ms) - Number(row.from_ms)) / 1000,
    step: row.step === null ? null : Number(row.step),
    why: isUntested
      ? `${untested.map(({ name }) => name).join(', ')}: not exercised`
      : row.why === null
        ? null
        : String(row.why),
    violations: named.map(({ invariant, variant, sentence, at_ms }) => ({
      invariant: String(invariant),
      variant: String(variant),
      sentence: String(sentence),
      at_ms: Number(at_ms),
    })),
    others: [...new Set(its.filter((one) => !isNamed(one)).map(({ invariant }) => String(invariant)))].sort(),
  };
}

/** Null: any variant. */
function breaksOf(text: string): ReadonlyMap<string, readonly string[] | null> {
  let breaks: unknown;
  try {
    breaks = JSON.parse(text);
  } catch {
    breaks = null; // The folder is of unknown origin.
  }
  if (!isRecord(breaks)) return new Map();
  return new Map(
    Object.entries(breaks).map(([name, variants]) => [
      name,
      variants === null ? null : Array.isArray(variants) ? variants.map(String) : [String(variants)],
    ]),
  );
}
