import { isRecord, recordIn } from '../../harness/model/json.ts';
import { count, visible } from '../words.ts';
import { paintFor, SCREEN, type TextOptions } from './screen.ts';

/** Of one worker: what went wrong is near its end. */
const MOST_LINES = 6;

/** What one line of Airflow's structured log says of the end of a worker, or undefined for all that is usual. */
interface LogLine {
  readonly timestamp: string;
  readonly level: string;
  readonly event: string;
  readonly more: readonly string[];
}

/** The last lines that a real worker printed of what went wrong, and of its end; empty if nothing did. */
export function workerLogText(file: string, text: string, options: TextOptions): string {
  const said = text.split('\n').flatMap((line) => lineIn(line) ?? []);
  if (!said.some(({ level }) => level !== 'info')) return '';
  const paint = paintFor(options);
  const shown = said.slice(-MOST_LINES);
  const left = said.length - shown.length;
  const lines = shown.map(({ timestamp, level, event, more }) => {
    const words = [event, ...more].join('; ');
    return visible(`  ${timestamp.slice(11, 23)}  ${level.padEnd(5)}  ${words}`).slice(0, SCREEN.columns);
  });
  const before = left > 0 ? ` (${count(left)} lines before it)` : '';
  const head = `${visible(file)}, what its supervisor and its task printed${before}`;
  return [paint.bold(head), ...lines].join('\n');
}

function lineIn(line: string): LogLine | undefined {
  const { timestamp, level, event, ...rest } = recordIn(line);
  if (typeof timestamp !== 'string' || typeof level !== 'string' || typeof event !== 'string') return undefined;
  const isOfEnd = event === 'Process exited' || event === 'Task finished';
  if (level !== 'error' && level !== 'critical' && !isOfEnd) return undefined;
  return { timestamp, level, event, more: detailsOf(rest) };
}

function detailsOf(rest: Readonly<Record<string, unknown>>): string[] {
  const { status_code: status, exit_code: code, signal_sent: signal, final_state: state } = rest;
  const detail = inner(inner(rest.detail));
  const [error] = Array.isArray(rest.error_detail) ? rest.error_detail : [];
  const value = inner(error).exc_value;
  const found = detail.current_state ?? detail.previous_state;
  const answer = [status, detail.reason].filter((word) => word !== undefined).join(' ');
  return [
    ...(answer === '' ? [] : [typeof found === 'string' ? `${answer}, found ${found.toUpperCase()}` : answer]),
    ...(typeof value === 'string' ? [value] : []),
    ...(typeof signal === 'string' ? [`after ${signal}`] : []),
    ...(typeof state === 'string' ? [state] : []),
    ...(code === undefined || code === null ? [] : [`exit code ${code}`]),
  ];
}

/** `{"detail": {"detail": {…}}}`, as Airflow's client logs what a server answered. */
function inner(value: unknown): Readonly<Record<string, unknown>> {
  if (!isRecord(value)) return {};
  return isRecord(value.detail) ? value.detail : value;
}
