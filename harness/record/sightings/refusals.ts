import type { Operation } from '../../model/operation.ts';
import type { ServerLogRow } from '../server-log.ts';
import type { Inquiry } from './inquiry.ts';
import { CLOCK_TOLERANCE_MS, type CommittedRow, type RecentRows, subjectOfRow, tenths } from './recent.ts';

/** The answer in the words of the findings: `409 invalid_state (found SKIPPED)`. */
function answerOf({ status, reason, found_state }: Operation): string {
  const found = found_state === null ? '' : ` (found ${found_state.toUpperCase()})`;
  return `${status}${reason === null ? '' : ` ${reason}`}${found}`;
}

/** Of a heartbeat that was answered 404, 409 or 410: which commit took the task from its worker. */
export function lookAtHeartbeat(row: Operation, recent: RecentRows): Inquiry {
  const subject = subjectOfRow(row);
  const seen = { at_ms: row.ended_ms ?? row.sent_ms, name: `the refused heartbeat of ${row.worker} for ${subject}` };
  return (last) => {
    const taken = recent.leftRunning(row.ti_id);
    if (taken === undefined) {
      if (!last) return undefined;
      if (!recent.isRunningAt(row.ti_id, seen.at_ms)) return 'ordinary';
      const sentence =
        `The heartbeat of worker ${row.worker} for ${subject} was refused with ${answerOf(row)}, though the record ` +
        'shows the task RUNNING during the whole request.';
      return { ...seen, sentence, op: row.op, seq: null };
    }
    const by = takerOf(taken, row, recent);
    if (by === 'ordinary') return by;
    // The request is recorded when it is answered, which may be after its commit.
    if (by === undefined) return last ? 'ordinary' : undefined;
    const sentence =
      `${by} ${changeOf(taken)} while worker ${row.worker} ran it; ${tenths(seen.at_ms - taken.committed_ms)} later ` +
      `its heartbeat was refused with ${answerOf(row)}.`;
    return { ...seen, sentence, op: row.op, seq: taken.seq };
  };
}

/** In the words of running-is-not-overwritten. */
function changeOf({ change, old_id, dag_id, run_id, task_id, state }: CommittedRow): string {
  const task = `task ${task_id} of ${dag_id}/${run_id}`;
  if (change === 'delete') return `deleted ${task} from RUNNING`;
  if (old_id !== null) return `gave ${task}, which was RUNNING, a new try`;
  return `set ${task} from RUNNING to ${(state ?? 'none').toUpperCase()}`;
}

/**
 * Who took it, in words. `ordinary`: an operator, or the worker's own report, which may be under way for long.
 * Undefined: which request it was is not known yet.
 */
function takerOf(taken: CommittedRow, refused: Operation, recent: RecentRows): string | 'ordinary' | undefined {
  const { writer, state } = taken;
  if (writer?.includes('scheduler')) return writer;
  if (!writer?.includes('api-execution') || state !== 'skipped') return 'ordinary';
  if (recent.operations.find(({ ti_id, kind }) => kind === 'state' && ti_id === refused.ti_id)) return 'ordinary';
  const skip = recent.operations.find(
    ({ kind, target, dag_id, run_id, sent_ms }) =>
      kind === 'skip_downstream' &&
      dag_id === taken.dag_id &&
      run_id === taken.run_id &&
      (target ?? '').split(' ').includes(taken.task_id ?? '') &&
      sent_ms <= taken.committed_ms + CLOCK_TOLERANCE_MS,
  );
  return skip && `Skip-downstream of branch task ${skip.task_id} (worker ${skip.worker})`;
}

/** Of a write of rendered fields that was answered 409: the other write that was under way. */
export function lookAtRenderedFields(row: Operation, recent: RecentRows): Inquiry {
  const subject = subjectOfRow(row);
  const endedMs = row.ended_ms ?? row.sent_ms;
  return (last) => {
    const other = recent.operations.find(
      ({ op, kind, ti_id, outcome, sent_ms, ended_ms }) =>
        kind === 'rtif' &&
        ti_id === row.ti_id &&
        op !== row.op &&
        outcome !== 'refused' &&
        sent_ms <= endedMs &&
        (outcome === 'unknown' || ended_ms === null || ended_ms >= row.sent_ms),
    );
    if (other === undefined && !last) return undefined;
    const said = row.reason === null ? '' : ` (${row.reason})`;
    const why = other === undefined ? '' : ', because another write of the same fields was under way';
    const sentence =
      `The rendered fields that worker ${row.worker} wrote for ${subject} were refused with 409${said}${why}; the ` +
      'real client fails the task for that.';
    return { at_ms: endedMs, name: `the refused rendered fields of ${subject}`, sentence, op: row.op, seq: null };
  };
}

/** Of an answer 5xx: what the logs say of that time. What a deadlock failed is in the deadlock's sentence. */
export function lookAtServerError(row: Operation, recent: RecentRows): Inquiry {
  const untilMs = row.ended_ms ?? row.sent_ms;
  const task = subjectOfRow(row);
  const subject = task === '' ? 'no task' : task;
  return (last) => {
    // The contract allows it: the client knows when to come back.
    if ((row.status === 503 && row.retry_after === true) || recent.metFault(row.sent_ms, untilMs)) return 'ordinary';
    // The log is read five times a second.
    if (!last) return undefined;
    const logged = recent.logs.filter(
      ({ at_ms }) => at_ms >= row.sent_ms - CLOCK_TOLERANCE_MS && at_ms <= untilMs + AFTER_MS,
    );
    if (logged.some(({ sqlstate }) => sqlstate === '40P01')) return 'ordinary';
    const cause =
      logged.find(({ severity, source }) => severity === 'FATAL' && source !== 'harness') ??
      logged.find(({ source, severity }) => source.startsWith('api-') && severity !== 'WARNING');
    const why = cause === undefined ? 'the log names no cause' : causeOf(cause);
    const said = row.message === null || row.message === '' ? '' : ` («${shortened(row.message, 120)}»)`;
    const request = `The ${row.kind} request of ${row.worker} for ${subject}`;
    const sentence = `${request} was answered ${row.status}${said}; ${why}.`;
    return {
      at_ms: untilMs,
      name: `the answer ${row.status} to ${row.kind} for ${subject}`,
      sentence,
      op: row.op,
      seq: null,
    };
  };
}

/** The supervisor's own words name the process that died. */
function causeOf({ source, message }: ServerLogRow): string {
  const words = shortened(message, 120);
  return words.startsWith(source) ? words : `the log of ${source} says: ${words}`;
}

/** An error is logged after it was answered, too. */
const AFTER_MS = 1_000;

function shortened(text: string, most: number): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > most ? `${line.slice(0, most)}…` : line;
}
