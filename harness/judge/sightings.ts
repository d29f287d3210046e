import type { JudgedSighting, Judgement } from '../model/verdict.ts';
import type { OpenRun, Row } from './open-run.ts';

/**
 * Which sentences of the run's time the verdict confirms: the request, the commit or the deadlock that one names is
 * evidence of a violation, or the request failed without a cause that would excuse it.
 */
export async function readSightings(run: OpenRun, anyViolation: boolean): Promise<Pick<Judgement, 'sightings'>> {
  if (run.tables.find(({ name }) => name === 'sightings')?.source === null) return {};
  const rows = await run.rows(`
    SELECT sightings.*, class, explanation,
      coalesce(class IN ('wrong', 'deadlock') OR class LIKE 'violation of %', false) AS is_failure,
      ${anyViolation ? PROVED : 'false'} AS is_proved
    FROM sightings LEFT JOIN refusal_classes USING (op) ORDER BY said_ms, sightings.kind`);
  const sightings = rows.map((row): JudgedSighting => {
    return {
      kind: String(row.kind),
      at_ms: Number(row.at_ms),
      said_ms: Number(row.said_ms),
      name: String(row.name),
      sentence: String(row.sentence),
      taken_back: row.is_failure === true || row.is_proved === true ? null : reasonOf(row),
    };
  });
  return sightings.length === 0 ? {} : { sightings };
}

const PROVED = `EXISTS (
  FROM kept_violations AS kept
  WHERE list_contains(kept.operations, sightings.op) OR list_contains(kept.commits, sightings.seq)
    OR (sightings.kind = 'deadlock' AND kept.invariant = 'no-deadlocks'
      -- While the run lasted, less was known of the database's clock.
      AND abs(kept.at_ms - sightings.at_ms) <= clock_tolerance_ms()))`;

/** Classes of refusals (85-refusal-classes.sql), in words that follow "it was". */
const CLASSES: Readonly<Record<string, string>> = {
  'retry of a lost answer': 'the retry of a lost answer',
  'two at once': 'one of two writes at once',
  'duplicate delivery': 'a duplicate delivery',
  'late update': 'a late update',
  fault: 'the effect of a fault',
  restart: 'the effect of a restart',
  overload: 'the effect of overload',
};

function reasonOf({ class: name, explanation }: Row): string {
  if (typeof name !== 'string') return 'the verdict finds no violation in it';
  return `it was ${CLASSES[name] ?? name} (${explanation})`;
}
