import type { OpenRun, Row } from '../judge/open-run.ts';
import { literal } from '../run-folder/files.ts';

/** What a worker, an operator or an executor did in the run, as a sentence of a script. */
export interface Cue {
  readonly atMs: number;
  /** The request; null for what no request shows. */
  readonly op: number | null;
  readonly task: string | null;
  readonly words: string;
}

/** A committed change of a task of the run. */
export interface TaskChange {
  readonly seq: number;
  readonly atMs: number;
  readonly task: string;
  readonly before: string | null;
  readonly state: string | null;
  readonly writer: string;
  readonly pid: number;
  readonly op: number | null;
}

export interface OfRun {
  readonly dagId: string;
  readonly runId: string;
}

export async function taskChangesOf(run: OpenRun, { dagId, runId }: OfRun): Promise<TaskChange[]> {
  const rows = await run.rows(`
    SELECT seq, committed_ms, task_id, old_state, state, writer, writer_pid, op
    FROM task_instance_changes LEFT JOIN (SELECT seq, min(op) AS op FROM carried_out GROUP BY seq) AS by_request
      USING (seq)
    WHERE dag_id = ${literal(dagId)} AND run_id = ${literal(runId)} ORDER BY seq`);
  return rows.map((row) => ({
    seq: Number(row.seq),
    atMs: Number(row.committed_ms),
    task: String(row.task_id),
    before: row.old_state === null ? null : String(row.old_state),
    state: row.state === null ? null : String(row.state),
    writer: String(row.writer ?? ''),
    pid: Number(row.writer_pid),
    op: row.op === null ? null : Number(row.op),
  }));
}

/** Requests of the run, or for its DAG alone, in the order of their effects. */
export async function cuesOf(run: OpenRun, { dagId, runId }: OfRun, tasks: readonly string[]): Promise<Cue[]> {
  const rows = await run.rows(`
    SELECT operations.*, coalesce(done.committed_ms, ended_ms, sent_ms) AS at_ms
    FROM operations LEFT JOIN (
      SELECT op, min(committed_ms) AS committed_ms FROM carried_out GROUP BY op
    ) AS done USING (op)
    WHERE dag_id = ${literal(dagId)} AND (run_id = ${literal(runId)} OR run_id IS NULL)
      AND (outcome = 'ok' OR done.committed_ms IS NOT NULL) ORDER BY at_ms`);
  return rows.flatMap((row) => {
    const words = wordsOfRequest(row, tasks);
    return words === undefined ? [] : [cueOf(row, words)];
  });
}

/** A request that may have failed, too. */
export async function cueOfRequest(run: OpenRun, op: number, tasks: readonly string[]): Promise<Cue | undefined> {
  const [row] = await run.rows(`SELECT *, sent_ms AS at_ms FROM operations WHERE op = ${op}`);
  const words = row && wordsOfRequest(row, tasks);
  return row && words !== undefined ? cueOf(row, words) : undefined;
}

function cueOf(row: Row, words: string): Cue {
  return {
    atMs: Number(row.at_ms),
    op: Number(row.op),
    task: row.task_id === null ? null : String(row.task_id),
    words,
  };
}

const REPORTS: Readonly<Record<string, string>> = { success: 'success', failed: 'fail', up_for_retry: 'retry' };

/** Undefined: of another task, or nothing that a script can say. */
function wordsOfRequest(row: Row, tasks: readonly string[]): string | undefined {
  const { kind, requested, target } = row;
  const task = String(row.task_id);
  const worker = (act: string | undefined) => (act && tasks.includes(task) ? `worker ${task}: ${act}` : undefined);
  switch (kind) {
    case 'run':
      return worker('run');
    case 'heartbeat':
      return worker('beat');
    case 'rtif':
      return worker('fields a');
    case 'xcom_push':
      return target === 'return_value' ? worker('result') : undefined;
    case 'state':
      return worker(REPORTS[String(requested)]);
    case 'skip_downstream': {
      const skipped = String(target)
        .split(' ')
        .filter((one) => tasks.includes(one));
      return skipped.length === 0 ? undefined : worker(`skip ${skipped.join(', ')}`);
    }
    case 'trigger':
      return 'operator triggers';
    case 'backfill':
      return 'operator backfills 2 runs';
    case 'clear':
      return tasks.includes(task) ? `operator clears ${task}` : undefined;
    case 'mark':
      return tasks.includes(task) && /^(success|failed|skipped)$/.test(String(requested))
        ? `operator marks ${task} ${requested}`
        : undefined;
    case 'delete':
      return 'operator deletes r';
    default:
      return undefined;
  }
}
