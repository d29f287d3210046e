import type { StepRow } from '../model/episode.ts';
import type { Seen } from '../model/seen.ts';
import type { Answer } from '../worker/requests.ts';
import type { LockWait } from './blocked.ts';

const STATEMENT_CHARACTERS = 2_000;

/** What came of a step, in words. */
export type StepResult = Pick<StepRow, 'result' | 'process' | 'pid' | 'statement'>;

export const NOTHING: StepResult = { result: null, process: null, pid: null, statement: null };

/** The order did not come about. */
export class NotPlayed extends Error {
  readonly how: 'excluded' | 'not-reached';

  constructor(how: 'excluded' | 'not-reached', why: string) {
    super(why);
    this.how = how;
  }
}

export function whoOf({ process, pid, text }: Seen): Pick<StepRow, 'process' | 'pid' | 'statement'> {
  return { process, pid, statement: text.trim().slice(0, STATEMENT_CHARACTERS) };
}

export function answersOf(answers: readonly Answer[]): StepResult {
  return { ...NOTHING, result: answers.map(({ status }) => status ?? 'no answer').join(', ') };
}

export function wordsOf({ verb, tables, locks }: Seen['kind']): string {
  return `${verb} ${tables[0]}${locks.length > 0 ? ` locking ${locks.join(' and ')}` : ''}`;
}

/** Which lock it is, and which statement took it. */
export function excludedBy({ process, lock, statement }: LockWait, holder: Seen | undefined): string {
  const who = `${process} waits for ${lock} with: ${oneLine(statement)}`;
  if (!holder) return who;
  // One that is held before it is sent has taken nothing.
  const done = holder.answer === undefined ? holder.before : [...holder.before, holder];
  const took = done.findLast(({ kind }) => kind.locks.length > 0 || kind.target !== undefined);
  return `${who}; ${holder.process} has it${took ? ` since: ${oneLine(took.text)}` : ''}`;
}

function oneLine(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > 200 ? `${line.slice(0, 100)} … ${line.slice(-100)}` : line;
}
