import type { Finding } from '../harness/model/finding.ts';

/** Commands that a reader pastes. */

/** A first question to the run's tables: which requests were refused, by whom and in which state. */
export function exampleQuery(run: string): string {
  return (
    `windtunnel query ${shellWord(run)} ` +
    "\"select kind, status, reason, found_state, count(*) from operations where outcome <> 'ok' " +
    'group by all order by 5 desc"'
  );
}

export function commandToExplain(run: string, finding?: Finding): string {
  return `windtunnel explain ${shellWord(run)}${finding ? ` ${finding.id}` : ''}`;
}

/** The rows that prove the worst occurrence, to go on from. */
export function evidenceQuery(run: string, { timeline, worst }: Finding): string | null {
  const proving = timeline?.entries.filter(({ proves }) => proves) ?? [];
  const operations = unique([...worst.operations, ...proving.flatMap(({ operation }) => operation ?? [])]);
  const commits = unique([...worst.commits, ...proving.flatMap(({ commit }) => commit ?? [])]);
  const folder = shellWord(run);
  if (commits.length > 0) return `windtunnel query ${folder} "FROM commits WHERE seq IN (${commits.join(', ')})"`;
  if (operations.length > 0)
    return `windtunnel query ${folder} "FROM operations WHERE op IN (${operations.join(', ')})"`;
  return null;
}

function unique(numbers: readonly number[]): number[] {
  return [...new Set(numbers)].slice(0, 20);
}

/**
 * The command that a manifest states, for a reader to paste. The manifest may be of unknown origin: what is not a plain
 * command of this program is replaced by the one that repeats the stored run.
 */
export function commandToRepeat(run: string, repeat: string): string {
  return COMMAND.test(repeat) ? repeat : `windtunnel run ${shellWord(run)}`;
}

/** Words as `shellWord` writes them: nothing in them is expanded, and none ends the command. */
const COMMAND = /^windtunnel( ([\w./@:+=,-]+|'[^'\n]*'(\\''[^'\n]*')*))+$/;

/** For a command that a reader pastes: quoted unless it is plain. */
export function shellWord(text: string): string {
  return /^[\w./@:+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
