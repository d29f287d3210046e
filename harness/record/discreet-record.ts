import type { Recorder } from '../model/run-context.ts';
import type { ServerLogRow } from './server-log.ts';
import { deadlockWithoutLiterals, type KeptText, namesOfRun, withoutLiterals } from './without-literals.ts';

export interface Discretion {
  /** The database under test: its server's log has records of all. */
  readonly database: string;
  /** What the ids of the run's own DAGs begin with. */
  readonly dagPrefix: string;
  readonly taskIds: ReadonlySet<string>;
}

/** As docs/target.md asks the processes of a stack to name themselves. */
const NAMED = /^wt-[\w-]{1,60}$/;
/** In place of any other name. The judge knows by it a client that is no process of the stack. */
export const OTHER_CLIENT = 'another client';

/**
 * A record of a stack that others use, too: of what they do it keeps no text. Statements have only those literals that
 * name the run's own rows, other clients have no name, and of logs stays what the judge reads in them.
 */
export class DiscreetRecord implements Recorder {
  readonly #record: Recorder;
  readonly #discretion: Discretion;
  readonly #keep: KeptText;

  constructor(record: Recorder, discretion: Discretion) {
    this.#record = record;
    this.#discretion = discretion;
    this.#keep = namesOfRun(discretion.dagPrefix, discretion.taskIds);
  }

  append(table: Parameters<Recorder['append']>[0], row: object): void {
    const kept = this.#kept(table, row as Fields);
    if (kept) this.#record.append(table, kept);
  }

  flush(): Promise<void> {
    return this.#record.flush();
  }

  get behindMs(): number {
    return this.#record.behindMs;
  }

  #kept(table: string, row: Fields): object | undefined {
    switch (table) {
      case 'server_log': {
        const log = row as unknown as ServerLogRow;
        if (log.source === 'harness') return row;
        return log.source === 'postgres' ? this.#ofPostgres(log) : this.#ofProcess(log);
      }
      case 'commits':
        return { ...row, writer: nameOf(row.writer), statement: this.#statement(row.statement) };
      case 'operations':
        // A proxy before the API answers what it likes, and errors of Airflow may quote SQL with its parameters.
        return {
          ...row,
          message: typeof row.message === 'string' ? this.#said(row.message, ANSWERED) : row.message,
          reason: typeof row.reason === 'string' && /^[A-Za-z_ ]{1,40}$/.test(row.reason) ? row.reason : null,
          found_state: typeof row.found_state === 'string' && this.#keep(row.found_state) ? row.found_state : null,
        };
      case 'backends':
        return { ...row, application_name: nameOf(row.application_name) };
      case 'lock_waits': {
        const isOurs = typeof row.dag_id === 'string' && row.dag_id.startsWith(this.#discretion.dagPrefix);
        const names = isOurs ? {} : { dag_id: null, run_id: null, task_id: null, map_index: null };
        const statement = this.#statement(row.statement);
        return { ...row, ...names, application_name: nameOf(row.application_name), statement };
      }
      default:
        return row;
    }
  }

  /** Only of the run's own database: records of the stack's processes, and deadlocks. */
  #ofPostgres({ database, ...row }: ServerLogRow): ServerLogRow | undefined {
    const isDeadlock = row.sqlstate === '40P01';
    if (database !== this.#discretion.database) return undefined;
    if (!isDeadlock && !NAMED.test(row.application_name ?? '')) return undefined;
    const isNote = LOCK_NOTE.test(row.message);
    // With log_statement such records have whole statements and their parameters.
    if (!isNote && !FAILED.has(row.severity)) return undefined;
    return {
      ...row,
      application_name: nameOf(row.application_name) as string,
      message: isNote ? row.message : this.#messageOf(row),
      detail: this.#detailOf(row, isDeadlock, isNote),
      // Of one that is no SQL, it is not known where its literals begin and end.
      statement: row.sqlstate?.startsWith('42') ? null : (this.#statement(row.statement) as string | null),
      context: linesOf(row.context, LOCKED_ROW),
    };
  }

  #messageOf({ message, sqlstate }: ServerLogRow): string {
    // Others may quote a value, or have words of the user's own.
    if (!WITHOUT_VALUES.has(sqlstate?.slice(0, 2) ?? '')) return `an error of SQLSTATE ${sqlstate ?? 'unknown'}`;
    return withoutLiterals(message, this.#keep);
  }

  #detailOf({ detail }: ServerLogRow, isDeadlock: boolean, isNote: boolean): string | null {
    if (!detail) return null;
    if (isDeadlock) return deadlockWithoutLiterals(detail, this.#keep);
    if (isNote) return linesOf(detail, LOCK_HOLDERS);
    // Such as the key that is there already.
    return detail.match(IDS)?.join(' ') ?? null;
  }

  #ofProcess(row: ServerLogRow): ServerLogRow {
    return { ...row, message: this.#said(row.message, LOGGED) };
  }

  /** Of a text the parts that match, and names of the run's own DAGs. */
  #said(text: string, patterns: readonly RegExp[]): string {
    const own = new RegExp(`${this.#discretion.dagPrefix.replace(/[^\w-]/g, '')}[\\w.-]+`);
    const kept = text.match(new RegExp([...patterns, own].map(({ source }) => source).join('|'), 'g')) ?? [];
    return kept.length > 0 ? [...new Set(kept)].join(' … ') : 'a message that was not kept';
  }

  #statement(statement: unknown): unknown {
    return typeof statement === 'string' ? withoutLiterals(statement, this.#keep) : statement;
  }
}

type Fields = Readonly<Record<string, unknown>>;

function nameOf(name: unknown): unknown {
  return typeof name !== 'string' || name === '' || NAMED.test(name) ? name : OTHER_CLIENT;
}

function linesOf(text: string | null | undefined, kept: RegExp): string | null {
  const lines = (text ?? '').split('\n').filter((line) => kept.test(line.trim()));
  return lines.length === 0 ? null : lines.join('\n');
}

const FAILED = new Set(['ERROR', 'FATAL', 'PANIC']);
/** Classes of SQLSTATE with messages that name constraints, relations and locks, and no value. */
const WITHOUT_VALUES = new Set(['08', '23', '25', '40', '53', '55', '57', '58']);
const LOCK_NOTE = /^process \d+ [\w ,]+ on [\w (),]+ after [\d.]+ ms$/;
const LOCK_HOLDERS = /^Process(es)? holding the locks?: [\d, ]+\. Wait queue: [\d, ]*\.$/;
const LOCKED_ROW = /^while [\w (),]+ in relation "\w+"$/;
const IDS = /\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g;

/** What Airflow's API answers, in words that it always has. */
const ANSWERED = [
  /TI is already running elsewhere/,
  /TI is no longer in the running state and task should terminate/,
  /TI was not in (?:a state where it could be marked as running|the running state so it cannot be updated)/,
  /Task Instance not found(?:, it may have been moved to the Task Instance History table)?/,
  /There is already a running backfill for dag/,
  /(?:Missing|Invalid) auth token|Token type not allowed for endpoint|Signature has expired/,
  /Internal [Ss]erver [Ee]rror/,
  /Serious error when handling your request/,
  // By the id the judge finds the error in the log.
  /look for ID \w{1,20}/,
  /Error with id \w{1,20}/,
];

/** What the judge looks for in the logs of Airflow's processes. */
const LOGGED = [
  /Error with id [\w-]{1,40}/,
  /Set(?:ting)? the task to failed/,
  /correlation_id=[0-9a-f-]{1,40}/,
  /ti_id=[0-9a-f-]{36}/,
  /Process \d+ waits/,
  /[Mm]arking \d+ backfills as complete/,
  /Adopting or resetting/,
  /Marked \d+ SchedulerJob/,
  /[Hh]eartbeat timeout/,
  /QueuePool limit/,
  /too many clients/,
  /TimeoutError|timed out/,
  /Failed to add object to the flush context/,
  /^(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*(?:Error|Exception|Violation)(?=:|$)/,
  /\(psycopg2?\.errors\.\w{1,60}\)/,
  IDS,
];
