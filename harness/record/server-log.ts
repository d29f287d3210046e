import { readFileSync } from 'node:fs';
import { roundMs, type WallClock } from '../model/clock.ts';
import { note, noteGap, type Recorder } from '../model/run-context.ts';
import type { LogSource } from '../model/stack.ts';
import { Tail } from '../system/tail.ts';
import type { DatabaseClock } from './database-clock.ts';

/** A deadlock's detail holds every side's statement, and Airflow's run to four thousand characters each. */
const TEXT_LENGTH = 64_000;

/** By how much the times in PostgreSQL's log are ahead of UTC, milliseconds: see `DatabaseClock`. */
type LogZone = Pick<DatabaseClock, 'logZoneMs'>;

/** Follows the logs of PostgreSQL and of the Airflow processes and records errors, warnings and a few actions. */
export class ServerLog {
  readonly #tails: readonly Tail[];

  /** `zone`: that of PostgreSQL's log at this moment. */
  constructor(sources: readonly LogSource[], record: Recorder, clock: WallClock, zone: LogZone = { logZoneMs: 0 }) {
    const names = sources.map(({ source }) => source).join(', ');
    // A healthy stack may log nothing that is kept: that its logs were read must be in the record all the same.
    if (names !== '')
      record.append('server_log', {
        at_ms: roundMs(clock.now()),
        source: 'harness',
        severity: 'LOG',
        message: `reads the logs of ${names}`,
      });
    this.#tails = sources.map(({ source, file, format, from }) => {
      const isPostgres = format === 'postgres-jsonlog';
      const context = { record, clock };
      return new Tail(file, from, {
        onLine: (line) => {
          const row = isPostgres ? postgresRow(source, line, clock, zone) : airflowRow(source, line, clock);
          if (row) record.append('server_log', row);
        },
        onCut: () => {
          // The rest of a record in JSON cannot be read either.
          if (isPostgres)
            noteGap(context, 'server_log', `the log of ${source} has records of more than 1 MB, which are left out`);
          else note(context, 'WARNING', `the log of ${source} has lines of more than 1 MB, which are cut`);
        },
        onUnreadable: (reason) =>
          noteGap(context, 'server_log', `the log of ${source} could not be read any more: ${reason}`),
      });
    });
  }

  close(): void {
    for (const tail of this.#tails) tail.close();
  }
}

export interface ServerLogRow {
  readonly at_ms: number;
  readonly source: string;
  readonly pid?: number | null;
  readonly application_name?: string | null;
  readonly xid?: number | null;
  readonly severity: string;
  readonly sqlstate?: string | null;
  readonly message: string;
  readonly detail?: string | null;
  readonly statement?: string | null;
  readonly context?: string | null;
  /** Not recorded: by it the records of other databases are left out. */
  readonly database?: string | null;
}

function postgresRow(source: string, line: string, clock: WallClock, zone: LogZone): ServerLogRow | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return undefined; // The collector was killed in mid-line.
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const record = parsed as Record<string, unknown>;
  const text = (key: string) => (typeof record[key] === 'string' ? record[key].slice(0, TEXT_LENGTH) : null);
  const number = (key: string) => (typeof record[key] === 'number' ? record[key] : null);
  return {
    at_ms: roundMs(loggedAt(text('timestamp') ?? '', clock, zone)),
    source,
    pid: number('pid'),
    application_name: text('application_name'),
    xid: number('txid'),
    severity: text('error_severity') ?? 'LOG',
    sqlstate: text('state_code'),
    message: text('message') ?? '',
    detail: text('detail'),
    statement: text('statement'),
    context: text('context'),
    database: text('dbname'),
  };
}

/** `2026-11-21 10:00:00.123 CET`, as the clocks of log_timezone show it; the zone's name is no help to a program. */
function loggedAt(timestamp: string, clock: WallClock, { logZoneMs }: LogZone): number {
  const [, date, time] = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?) /.exec(timestamp) ?? [];
  // A record without a time has just been written.
  return date === undefined ? clock.now() : clock.fromWall(Date.parse(`${date}T${time}Z`) - logZoneMs);
}

/** structlog's console form: `2026-11-21T10:00:00.123456Z [error    ] message [logger] …`; a traceback follows. */
const AIRFLOW_LINE = /^(\S+)\s+\[(warning|error|critical|exception)\s*\]\s+(.*)$/;
/** The last line of a traceback names the exception; the lines before it are in the process's own log file. */
const EXCEPTION_LINE = /^([A-Za-z_][\w.]*(?:Error|Exception|Deadlock\w*|Violation|NotNull\w*))\b:? ?(.*)$/;
/** No errors, but actions that explain what happened. */
const ACTIONS = [
  /marking \d+ backfills as complete/,
  /Adopting or resetting/,
  /Marked \d+ SchedulerJob/,
  /heartbeat timeout/,
  /Marking task as (FAILED|UP_FOR_RETRY)\. /,
];
const ACTION_LINE = new RegExp(ACTIONS.map(({ source }) => source).join('|'), 'i');

const TAIL_BYTES = 64 << 10;

/** The exception that the end of a log names, such as the one that ended its process; undefined if it names none. */
export function lastException(file: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').slice(-TAIL_BYTES);
  } catch {
    return undefined; // It never wrote one.
  }
  return text
    .split('\n')
    .findLast((line) => EXCEPTION_LINE.test(line))
    ?.slice(0, 300);
}

function airflowRow(source: string, line: string, clock: WallClock): ServerLogRow | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: terminal colours begin with the escape character
  const plain = line.replace(/\u001b\[[0-9;]*m/g, '').slice(0, TEXT_LENGTH);
  const at_ms = roundMs(clock.now());
  const leveled = AIRFLOW_LINE.exec(plain);
  if (leveled) return { at_ms, source, severity: (leveled[2] ?? '').toUpperCase(), message: leveled[3] ?? '' };
  if (EXCEPTION_LINE.test(plain)) return { at_ms, source, severity: 'ERROR', message: plain };
  if (ACTION_LINE.test(plain)) return { at_ms, source, severity: 'INFO', message: plain };
  return undefined;
}
