import type { LiteralRun } from './literal-run.ts';

type Row<Table extends 'operations' | 'commits'> = NonNullable<LiteralRun[Table]>[number];

/** Tests only: the trigger that life `n` sends of the run `run-n`, which is accepted, and that run. */
export function trigger(n: number, more: Row<'operations'> = {}): Row<'operations'> {
  return {
    ...{ kind: 'trigger_run', life: n, worker: `w-${n}`, task_id: `t${n}`, ti_id: `ti-${n}` },
    ...{ target: `wt_child/run-${n}`, requested: JSON.stringify(confOf(n)), sent_ms: 1_000 },
    status: more.outcome === undefined ? 204 : null,
    ...more,
  };
}

export function madeRun(n: number): Row<'commits'> {
  return {
    ...{ relation: 'dag_run', change: 'insert', id: `${n}`, dag_id: 'wt_child', run_id: `run-${n}`, task_id: null },
    ...{ state: 'queued', committed_ms: 1_003, writer: 'wt-api-execution-1' },
    row: { run_type: 'operator_triggered', logical_date: `2026-12-01T00:00:00.00${n}Z` },
  };
}

export function keptRun(n: number): object {
  return { id: n, dag_id: 'wt_child', run_id: `run-${n}`, state: 'success', conf: confOf(n) };
}

function confOf(n: number) {
  return { windtunnel: `life ${n}` };
}

export const CONF = confOf(1);
