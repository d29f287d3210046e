import type { Tx } from '../../behaviour.ts';
import { isoTime } from '../times.ts';

/** The execution API's `DagRun`, as the newest version has it. */
export interface DagRunAnswer {
  readonly [key: string]: unknown;
  readonly dag_id: string;
  readonly run_id: string;
  readonly run_after: string;
}

const COLUMNS = `dag_run.dag_id, dag_run.run_id, dag_run.logical_date, dag_run.data_interval_start,
  dag_run.data_interval_end, dag_run.run_after, dag_run.start_date, dag_run.end_date, dag_run.clear_number,
  dag_run.run_type, dag_run.state, dag_run.conf, dag_run.triggering_user_name, dag_run.partition_key,
  dag_run.partition_date`;

export async function findDagRun(
  db: Pick<Tx, 'query'>,
  dagId: string,
  runId: string,
): Promise<DagRunAnswer | undefined> {
  const { rows } = await db.query<Record<string, unknown>>({
    name: 'dag-run-find',
    text: `SELECT ${COLUMNS} FROM dag_run WHERE dag_run.dag_id = $1 AND dag_run.run_id = $2`,
    values: [dagId, runId],
  });
  return rows[0] && answerOf(rows[0]);
}

export async function previousDagRun(
  db: Pick<Tx, 'query'>,
  dagId: string,
  before: Date,
  state: string | null,
): Promise<DagRunAnswer | undefined> {
  const { rows } = await db.query<Record<string, unknown>>(
    `SELECT ${COLUMNS} FROM dag_run WHERE dag_run.dag_id = $1 AND dag_run.logical_date < $2
     AND ($3::text IS NULL OR dag_run.state = $3) ORDER BY dag_run.logical_date DESC LIMIT 1`,
    [dagId, before, state],
  );
  return rows[0] && answerOf(rows[0]);
}

function answerOf(row: Record<string, unknown>): DagRunAnswer {
  const shown = Object.fromEntries(
    Object.entries(row).map(([key, value]) => [key, value instanceof Date ? isoTime(value) : value]),
  );
  return { ...shown, consumed_asset_events: [], note: null } as unknown as DagRunAnswer;
}
