import type { JudgedEpisode, StepRow } from '../../harness/model/episode.ts';
import { counted, excerpt, LIMITS } from '../words.ts';
import { code, markdownTable, plain } from './document.ts';

/** The order of a script, as one of its episodes came about, and how often that was so. */
export interface ReplayedOrder {
  /** All episodes, those of controls, too. */
  readonly episodes: readonly JudgedEpisode[];
  readonly shown: JudgedEpisode;
  /** Of the episode that is shown. */
  readonly steps: readonly StepRow[];
  /** The file; null where the run folder has it not. */
  readonly script: string | null;
}

/** More columns than these are no table any more. */
const MOST_COLUMNS = 6;

/** What acts in a sentence, such as `worker d:`. */
const CUE = /^((?:worker [^\s:]+|workers|operator|executor)):?(?= |$)/;
const RELEASE = /^release (\w[\w-]*)/;

/** What was done, what was held and what came of it: one row a step, one column an actor. */
export function orderTable({ steps }: ReplayedOrder): string {
  const began = steps[0]?.began_ms ?? 0;
  const held = new Map(steps.flatMap(({ text, process }) => heldBy(text, process)));
  const events = steps.flatMap((step) => {
    const actor = actorOf(step, held);
    const time = `${Math.round(step.began_ms - began)} ms`;
    return actor === undefined ? [] : [{ time, actor, what: whatOf(step) }];
  });
  const actors = [...new Set(events.map(({ actor }) => actor))];
  const columns = actors.length <= MOST_COLUMNS ? actors : [...actors.slice(0, MOST_COLUMNS - 1), 'others'];
  const rows = events.map(({ time, actor, what }) => {
    const own = columns.indexOf(actor);
    const column = own < 0 ? columns.length - 1 : own;
    return [time, ...columns.map((_, i) => (i === column ? plain(own < 0 ? `${actor}: ${what}` : what) : ''))];
  });
  return markdownTable(['', ...columns.map(plain)], rows);
}

/** Each statement that was held or blocked, once, whole but for what no reader needs. */
export function heldStatements({ steps }: ReplayedOrder, without: (statement: string) => string): string[] {
  const seen = new Set<string>();
  return steps.flatMap(({ text, process, statement }) => {
    if (statement === null || process === null || seen.has(statement) || /^COMMIT/i.test(statement)) return [];
    seen.add(statement);
    return [`${plain(`${process}, at "${text}":`)}\n\n${code(excerpt(without(statement), LIMITS.statement), 'sql')}`];
  });
}

/** `The order came about in 10 of 10 episodes, and …`. */
export function howOftenBroken({ episodes }: ReplayedOrder): string {
  const said = [...new Set(episodes.map(({ kind }) => kind))].map((kind) => {
    const its = episodes.filter((one) => one.kind === kind);
    const broken = its.filter(({ outcome }) => outcome === 'broken').length;
    const name = kind === 'script' ? 'In the order below' : kind.replaceAll('-', ' ');
    return `${name}: ${broken} of ${counted(its.length, 'time')}`;
  });
  return `${said.join('; ')}.`;
}

function heldBy(text: string, process: string | null): [string, string][] {
  const name = /^(\w[\w-]*) is reached/.exec(text)?.[1];
  return name === undefined || process === null ? [] : [[name, process]];
}

/** Undefined: a sentence that sets a trap, and makes nothing happen. */
function actorOf({ text, process }: StepRow, held: ReadonlyMap<string, string>): string | undefined {
  if (process !== null) return process;
  const released = RELEASE.exec(text)?.[1];
  if (released !== undefined) return held.get(released);
  return /^(?:hold|cut) /.test(text) ? undefined : (CUE.exec(text)?.[1] ?? 'wait');
}

/** Without the name of its column. Of what was held or blocked the result says all. */
function whatOf({ text, process, result, statement }: StepRow): string {
  const sent = statement === null ? '' : excerpt(statement.replace(/\s+/g, ' '), 80);
  const came = [result, sent].filter((one) => one !== null && one !== '').join(': ');
  if (process !== null && came !== '') return came;
  const does = RELEASE.test(text) ? 'is let go' : text.replace(CUE, '').replace(/ &$/, '').trim();
  return came === '' ? does : `${does}: ${came}`;
}
