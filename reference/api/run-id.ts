import { randomInt } from 'node:crypto';

import { pythonIso } from './times.ts';

const RUN_TYPES = ['backfill', 'scheduled', 'manual', 'operator_triggered', 'asset_triggered'] as const;
/** Airflow's: those that it makes itself, and [scheduler] allowed_run_id_pattern. */
const OWN = /^(?:manual|scheduled|asset_triggered)__(?:\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\+00:00)$/;
const ALLOWED = /^[A-Za-z0-9_.~:+-]+$/;

/** The id of a run of that type; ids of manual runs have the microseconds that distinguish two of one second. */
export function newRunId(runType: (typeof RUN_TYPES)[number], runAfter: Date, now = false): string {
  const moment = pythonIso(runAfter);
  const micros = String(randomInt(1, 1000)).padStart(3, '0');
  return `${runType}__${now ? moment.replace(/000\+00:00$/, `${micros}+00:00`) : moment}`;
}

/** What is wrong with the id that a client chose for a manual run. */
export function wrongRunId(runId: string, ownType: 'manual' | 'operator_triggered'): string | undefined {
  if (runId.includes('..')) return `The run_id '${runId}' must not contain '..' to prevent path traversal`;
  if (!OWN.test(runId) && !ALLOWED.test(runId)) {
    return `The run_id provided '${runId}' does not match regex pattern '${ALLOWED.source}' or '${OWN.source}'`;
  }
  if (ownType !== 'manual') return undefined;
  const reserved = RUN_TYPES.find((type) => runId.startsWith(`${type}__`)) ?? 'manual';
  if (reserved === 'manual') return undefined;
  return `A manual DAG run cannot use ID '${runId}' since it is reserved for ${reserved} runs`;
}
