import type { TimelineEntry } from '../../model/finding.ts';
import type { Row } from '../open-run.ts';
import type { Ours } from './order.ts';

/** Rows of a story in the words of a reader who knows Airflow and not our tables. */

export interface StoryRow {
  readonly source: string;
  readonly number: number;
  readonly at_ms: number;
  readonly proves: boolean;
  readonly row: Readonly<Record<string, unknown>>;
}

/** An entry before the time of the violation, from which its offset is counted, is known. */
export type UntimedEntry = Omit<TimelineEntry, 'offset_ms'>;

/** What an entry of a timeline says when it says nothing more than what happened. */
export const EMPTY_ENTRY = {
  before: null,
  after: null,
  outcome: null,
  of_subject: false,
  proves: false,
  operation: null,
  commit: null,
  by: null,
} as const;

/** A request and, if it came, its answer. */
export function requestWords(
  { row, number, proves }: StoryRow,
  subject: string | null,
): (Ours & { readonly entry: UntimedEntry })[] {
  const common = { ...EMPTY_ENTRY, actor: String(row.worker), proves, operation: number };
  const sent_ms = Number(row.sent_ms);
  const outcome = row.outcome === 'ok' || row.outcome === 'refused' ? row.outcome : 'unknown';
  const request = { ...common, at_ms: sent_ms, event: 'request' as const, what: `${asked(row)}${aside(row, subject)}` };
  const sent = { at_ms: sent_ms, end: { op: number, of: 'request' as const }, entry: request };
  if (row.ended_ms === null || row.ended_ms === undefined) return [sent];
  const ended_ms = Number(row.ended_ms);
  const answer = { ...common, at_ms: ended_ms, event: 'answer' as const, what: answered(row), outcome } as const;
  return [sent, { at_ms: ended_ms, end: { op: number, of: 'answer' as const }, entry: answer }];
}

/** Several tasks may be in one story; a heartbeat does not name its own. */
function aside({ kind, task_id }: StoryRow['row'], subject: string | null): string {
  const bare = ['heartbeat', 'state', 'rtif', 'xcom_push', 'xcom_clear', 'impostor_heartbeat'].includes(String(kind));
  return bare && subject !== null && task_id !== subject ? ` for ${text(task_id)}` : '';
}

function asked(row: StoryRow['row']): string {
  const again = Number(row.attempt) > 1 ? ` (sent again, ${ordinal(Number(row.attempt))} time)` : '';
  const task = text(row.task_id);
  const words: Readonly<Record<string, string>> = {
    run: `starts ${task}`,
    heartbeat: 'heartbeat',
    state: `reports ${upper(row.requested)}`,
    rtif: `writes rendered fields${duplicate(row)}`,
    skip_downstream: `as ${task}, skips ${text(row.target).split(' ').join(', ')}`,
    xcom_push: 'pushes an XCom',
    xcom_clear: 'clears its XComs',
    trigger_run: `as ${task}, triggers ${text(row.target)}`,
    other: text(row.target),
    impostor_heartbeat: 'another worker sends a heartbeat',
    impostor_run: `another worker starts ${task}`,
    backfill: `requests ${row.target === null ? 'a backfill' : `backfill ${text(row.target)}`} of ${text(row.dag_id)}`,
    trigger: `triggers ${text(row.dag_id)}`,
    asset_event: `posts an event of the asset ${text(row.target)}`,
    clear: `clears ${task}`,
    mark: `marks ${task}${row.requested === null ? '' : ` ${upper(row.requested)}`}`,
  };
  return `${words[String(row.kind)] ?? String(row.kind)}${again}`;
}

function duplicate({ duplicate_of: first, op }: StoryRow['row']): string {
  if (first === null || first === undefined) return '';
  return first === op ? ', the first of two concurrent writes' : ', the second of two concurrent writes';
}

function answered(row: StoryRow['row']): string {
  const took = milliseconds(Number(row.ended_ms) - Number(row.sent_ms));
  if (row.status === null || row.status === undefined) return `no answer after ${took} (${text(row.cause) || 'lost'})`;
  if (row.outcome === 'ok')
    return row.kind === 'heartbeat' ? 'accepted' : `accepted (${Number(row.status)}) after ${took}`;
  const found = row.found_state === null || row.found_state === undefined ? '' : `, found ${upper(row.found_state)}`;
  const why = text(row.reason) || shortened(text(row.message));
  return `${Number(row.status)}${why === '' ? '' : ` ${why}`}${found}, after ${took}`;
}

/** A commit, a deadlock of PostgreSQL's log, the wait of one of its sides, or the death of a process. */
export function commitWords({ source, row, number, at_ms, proves }: StoryRow, subject: string | null): UntimedEntry {
  const common = { ...EMPTY_ENTRY, at_ms, proves };
  if (source === 'death') {
    return { ...common, actor: String(row.process), event: 'log', what: String(row.message) };
  }
  if (source === 'wait') {
    const doing = text(row.action) === '' ? '' : ` (it ${text(row.action)}${forSubject(row)})`;
    const holder = nameOf(row.holder) || 'another process';
    const what = `waits for ${text(row.waits_for) || 'a row'} that ${holder} holds${doing}`;
    return { ...common, actor: nameOf(row.process), event: 'log', what };
  }
  if (source === 'deadlock') {
    const [victim = 'a process', ...others] = (Array.isArray(row.processes) ? row.processes : []).map(nameOf);
    const what = `deadlock of ${victim} and ${others.join(', ')}: PostgreSQL cancels what ${victim} was doing`;
    return { ...common, actor: 'postgres', event: 'log', what };
  }
  return {
    ...common,
    actor: row.writer === null || row.writer === undefined ? 'unknown writer' : nameOf(row.writer),
    event: 'commit',
    what: changed(row),
    ...moved(row),
    of_subject: row.relation === 'task_instance' && row.task_id === subject,
    commit: number,
  };
}

/** The state before is null where it is unknown: the record begins with this change. */
function moved(row: StoryRow['row']): Pick<UntimedEntry, 'before' | 'after'> {
  const stateful = row.relation === 'task_instance' || row.relation === 'dag_run';
  const before = isNew(row) || row.old_state === null ? null : text(row.old_state);
  const after = row.change === 'delete' ? 'deleted' : text(row.state) || 'none';
  if (!stateful || before === after || (isNew(row) && after === 'none')) return { before: null, after: null };
  return { before, after };
}

/** From 3.4 on a next try is a row that is inserted, too. */
function isNew(row: StoryRow['row']): boolean {
  return row.change === 'insert' && (row.old_ti_id ?? null) === null;
}

function changed(row: StoryRow['row']): string {
  const verb = { insert: 'creates', update: 'changes', delete: 'deletes' }[String(row.change)] ?? 'changes';
  switch (row.relation) {
    case 'task_instance': {
      if (isNew(row)) return `creates ${text(row.task_id)}`;
      if (row.old_ti_id !== null && row.old_ti_id !== row.id)
        return `${text(row.task_id)} gets a new id for its next try`;
      // Whatever else the statement did: where the state stays, this is what it did to this task.
      const renewed = row.old_state === (text(row.state) || 'none') && text(row.statement).includes('dag_version_id=');
      const tasks = `${text(row.task_id)}${others(row)}`;
      return renewed ? `gives ${tasks} the new dag_version_id` : tasks;
    }
    case 'dag_run':
      return `${row.change === 'insert' ? 'new ' : ''}run ${text(row.run_id)}${others(row)}`;
    case 'backfill':
      return row.completed === true ? `marks backfill ${text(row.id)} completed` : `${verb} backfill ${text(row.id)}`;
    case 'dag_version':
      return `new version ${text(row.version)} of ${text(row.dag_id)}`;
    case 'rendered_task_instance_fields':
      return `${verb} the rendered fields of ${text(row.task_id)}`;
    default:
      return `${verb} ${text(row.relation)} ${text(row.id)}`;
  }
}

function forSubject({ subject }: StoryRow['row']): string {
  return text(subject) === '' ? '' : ` for ${text(subject)}`;
}

/** Rows that the same transaction changed in the same way. */
function others({ alike }: StoryRow['row']): string {
  return Number(alike) > 1 ? ` and ${Number(alike) - 1} more at once` : '';
}

/** Both ends of a window of damage. */
export function faultEntries({ fault, victim, opened_ms, closed_ms }: Row): UntimedEntry[] {
  const common = { ...EMPTY_ENTRY, actor: 'fault', event: 'fault' as const };
  const name = `${text(fault)} of ${text(victim)}`;
  return [
    { ...common, at_ms: Number(opened_ms), what: `${name} begins` },
    ...(closed_ms === null || closed_ms === undefined
      ? []
      : [{ ...common, at_ms: Number(closed_ms), what: `${name} ends` }]),
  ];
}

/** `wt-scheduler-1` → `scheduler-1`. */
function nameOf(process: unknown): string {
  return text(process).replace(/^wt-/, '');
}

function upper(value: unknown): string {
  return text(value).toUpperCase();
}

function text(value: unknown): string {
  return value === null || value === undefined ? '' : String(value);
}

function shortened(message: string): string {
  return message.length > 100 ? `${message.slice(0, 100)}…` : message;
}

function milliseconds(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function ordinal(n: number): string {
  return n === 2 ? '2nd' : n === 3 ? '3rd' : `${n}th`;
}
