import type { LiteralRun } from './literal-run.ts';

type Commit = NonNullable<LiteralRun['commits']>[number];

/** Tests only: a plan in which `wt_consumer` waits for any of two assets, and the commits that make these. */
export const ASSET_SCENARIO = {
  dags: [
    {
      ...{ dag_id: 'wt_consumer', schedule: null, past_runs: 0, max_active_runs: 4 },
      assets: { any: ['wt_goods', 'wt_prices'] },
      tasks: [{ task_id: 'only', upstream: [], duration_ms: [1, 2] as const }],
    },
  ],
};

export const ASSETS: readonly Commit[] = ['wt_goods', 'wt_prices'].map((name, i) => ({
  ...{ relation: 'asset', change: 'insert', id: `${i + 1}`, dag_id: null, run_id: null, task_id: null },
  ...{ committed_ms: 100, writer: 'wt-dag-processor', row: { name, uri: name } },
}));

/** An event of `wt_goods` that a task of `wt_maker` made; `queues`: with what it queues for the consumer. */
export function assetEvent(id: number, committed_ms: number, xid: number, queues = true): Commit[] {
  const common = { committed_ms, xid, writer: 'wt-api-execution-1' };
  return [
    {
      ...{ relation: 'asset_event', change: 'insert', id: `${id}`, dag_id: 'wt_maker', run_id: 'r', task_id: 't' },
      ...{ ...common, row: { asset_id: 1, timestamp: '2026-12-01T00:00:00Z' } },
    },
    ...(queues ? [queueChange('insert', common)] : []),
  ];
}

/** A run of the consumer with these events, and what is queued taken. */
export function assetRun(
  id: number,
  events: readonly number[],
  committed_ms: number,
  xid: number,
  writer = 'wt-scheduler-1',
): Commit[] {
  const common = { committed_ms, xid, writer };
  return [
    queueChange('delete', common),
    {
      ...{ relation: 'dag_run', change: 'insert', id: `${id}`, dag_id: 'wt_consumer', run_id: `run-${id}` },
      ...{ task_id: null, state: 'queued', ...common, row: { run_type: 'asset_triggered' } },
    },
    ...events.map((event_id) => ({
      ...{ relation: 'dagrun_asset_event', change: 'insert', id: null, dag_id: null, run_id: null, task_id: null },
      ...{ ...common, row: { dag_run_id: id, event_id } },
    })),
  ];
}

export function queueChange(change: 'insert' | 'delete', more: Partial<Commit>): Commit {
  return {
    ...{ relation: 'asset_dag_run_queue', change, id: null, dag_id: 'wt_consumer', run_id: null, task_id: null },
    ...{ ...more, row: { asset_id: 1 } },
  };
}
