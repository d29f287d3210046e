import type { Operation } from '../model/operation.ts';

/** Answers, by what whoever watches the run wants to know of them. */
export interface Tally {
  ended: number;
  http409: number;
  http5xx: number;
}

/** Counts an answer. Returns what it was, in words, where a client of Airflow should never see it. */
export function count(tally: Tally, row: Operation, status: number | null): string | undefined {
  tally.ended++;
  if (status === 409) tally.http409++;
  if (status === null || status < 500) return undefined;
  tally.http5xx++;
  return `${status} to ${row.kind} of ${row.task_id ?? row.dag_id ?? 'it'}`;
}
