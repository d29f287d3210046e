import type { DagJson } from './serialized-dag.ts';

const MINUTE_MS = 60_000;

/**
 * The date of a DAG's next scheduled run, null if there is none. Airflow: `CronTriggerTimetable`, which is what a cron
 * expression means since Airflow 3: a run's logical date is the moment from which it may run.
 */
export function nextRunDate(dag: DagJson, last: Date | null, now: Date): Date | null {
  if (dag.assets !== undefined) return null;
  if (dag.schedule !== '* * * * *') throw new Error(`${dag.dag_id}: only "* * * * *" is understood`);
  const first = Math.ceil(Date.parse(dag.start_date) / MINUTE_MS) * MINUTE_MS;
  const following = last === null ? null : minuteOf(last.getTime()) + MINUTE_MS;
  const next = dag.catchup ? (following ?? first) : Math.max(minuteOf(now.getTime()), first, following ?? 0);
  if (dag.end_date !== null && next > Date.parse(dag.end_date)) return null;
  return new Date(next);
}

function minuteOf(time: number): number {
  return Math.floor(time / MINUTE_MS) * MINUTE_MS;
}

/** `DagRunType.generate_run_id`: `scheduled__2026-11-21T10:00:00+00:00`. */
export function scheduledRunId(runAfter: Date): string {
  return `scheduled__${runAfter.toISOString().replace('.000Z', '+00:00')}`;
}
