import { literalPattern } from '../model/sql-literals.ts';

/** Which texts in quotes stay: those that name what is ours. */
export type KeptText = (text: string) => boolean;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** As Airflow and the fleet name runs: by moments. One of another form may have been named by a person. */
const RUN = /^(manual|scheduled|backfill|asset_triggered|dataset_triggered)__[0-9T:.+-]+(_\w{8})?$/;
/** The judge reads from a statement to which state it leads. */
const STATES = new Set(
  (
    'queued running success failed removed scheduled restarting up_for_retry up_for_reschedule upstream_failed ' +
    'skipped deferred'
  ).split(' '),
);

/** What names something of a run: its DAGs, which begin with `prefix`, its tasks, any run, task instance or state. */
export function namesOfRun(prefix: string, taskIds: ReadonlySet<string>): KeptText {
  return (text) =>
    UUID.test(text) ||
    RUN.test(text) ||
    STATES.has(text) ||
    taskIds.has(text) ||
    (text.startsWith(prefix) && /^[\w.-]+$/.test(text));
}

const LITERAL = literalPattern();
/** The columns by which the judge finds a row. */
const KEY_BEFORE = /\b(?:\w*id|map_index|try_number)\s*=\s*$/;

/** A statement with `?` for each literal, but for texts that `keep` and the numbers of ids. */
export function withoutLiterals(statement: string, keep: KeptText): string {
  return statement.replace(LITERAL, (literal: string, ...found: unknown[]) => {
    if (/^(\/\*|--)/.test(literal)) return ' ';
    // A name of a column, or a text that was quoted wrongly.
    if (literal.startsWith('"')) return /^"[a-z_]+"$/.test(literal) ? literal : '"?"';
    const place = found.find((one) => typeof one === 'number');
    const text = /^'([\s\S]*)'$/.exec(literal)?.[1];
    if (text !== undefined) return keep(text) ? literal : "'?'";
    const isKey =
      /^-?\d{1,19}$/.test(literal) && KEY_BEFORE.test(statement.slice(Math.max(0, Number(place) - 80), Number(place)));
    return isKey ? literal : '?';
  });
}

/**
 * The detail of a deadlock: who waits for whom, then both statements, each of which PostgreSQL may have cut in the
 * middle of a text. A line that begins with another process than those that wait belongs to a statement.
 */
export function deadlockWithoutLiterals(detail: string, keep: KeptText): string {
  const waits = [...detail.matchAll(/^\s*Process (\d+) waits for \w+ on [\w (),]+; blocked by process (\d+)\.$/gm)];
  const pids = [...new Set(waits.flatMap(([, waiting, blocking]) => [waiting, blocking]))];
  const said = detail.split(new RegExp(`\\n\\s*(?=Process (?:${pids.join('|')}): )`));
  const statements = said.flatMap((part) => {
    const [, head = '', statement] = /^(Process \d+: )([\s\S]*)$/.exec(part) ?? [];
    return statement === undefined ? [] : [head + withoutLiterals(statement, keep)];
  });
  return [...waits.map(([line]) => line.trim()), ...statements].join('\n');
}
