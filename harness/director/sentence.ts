import { didYouMean } from '../model/closest.ts';
import type { WorkerCue } from '../worker/cued.ts';
import {
  ACTS,
  type Access,
  MARKS,
  type Point,
  RUN_STATES,
  SCRIPT_PROCESSES,
  SCRIPT_TABLES,
  type ScriptProcess,
  type Step,
  type StepAction,
  TASK_STATES,
  type TaskName,
} from './steps.ts';

const WITHIN_S = 10;
const LONGEST_WITHIN_S = 300;
const NAME = /^[A-Za-z][\w.-]*$/;
const ORDINALS: Readonly<Record<string, number>> = { '1st': 1, '2nd': 2, '3rd': 3, '4th': 4 };

/** What is wrong with a sentence, and where in it. */
export class SentenceProblem extends Error {
  readonly offset: number;

  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}

/** The names that a sentence may use: grows as the sentences of a script are read. */
export interface ScriptNames {
  readonly tasks: readonly string[];
  /** Of DAG runs; each is a name that a trigger has given. */
  readonly runs: Set<string>;
  /** Of all that the script triggers somewhere: a hold may be for one that is not there yet. */
  readonly allRuns: readonly string[];
  /** Of holds and cuts, and whether each was released. */
  readonly points: Map<string, { readonly do: 'hold' | 'cut' }>;
}

interface Word {
  readonly text: string;
  readonly offset: number;
}

/** The words of one sentence, taken one after another. */
class Words {
  readonly #words: readonly Word[];
  readonly #end: number;
  #at = 0;

  constructor(text: string) {
    this.#words = [...text.matchAll(/[&:(),]|[^\s&:(),]+/g)].map((match) => ({
      text: match[0],
      offset: match.index,
    }));
    this.#end = text.length;
  }

  get next(): string | undefined {
    return this.#words[this.#at]?.text;
  }

  get offset(): number {
    return this.#words[this.#at]?.offset ?? this.#end;
  }

  /** The next words, if they are these. */
  accept(words: string): boolean {
    const wanted = words.split(' ');
    if (!wanted.every((word, i) => this.#words[this.#at + i]?.text === word)) return false;
    this.#at += wanted.length;
    return true;
  }

  expect(words: string): void {
    if (!this.accept(words)) throw this.unknown([words]);
  }

  /** One of these; of two that fit the longer. */
  choose<Choice extends string>(known: readonly Choice[], what?: string): Choice {
    const longestFirst = [...known].sort((a, b) => b.length - a.length);
    const chosen = longestFirst.find((words) => this.accept(words));
    if (chosen === undefined) throw this.unknown(known, what);
    return chosen;
  }

  any(what: string): string {
    const { next } = this;
    if (next === undefined || /^[&:(),]$/.test(next)) throw this.problem(`${what} is missing`);
    this.#at++;
    return next;
  }

  problem(message: string): SentenceProblem {
    return new SentenceProblem(this.offset, message);
  }

  unknown(known: readonly string[], what = 'word'): SentenceProblem {
    const { next } = this;
    const here = known.length === 0 ? '' : `; known here: ${known.join(', ')}`;
    if (next === undefined) return this.problem(`the sentence ends too early${here}`);
    return this.problem(`"${next}" is no ${what} that fits here${didYouMean(next, known)}${here}`);
  }
}

/** One sentence of a script. Adds the names that it gives to `names`. Throws a SentenceProblem. */
export function parseSentence(text: string, line: number, names: ScriptNames): Step {
  const words = new Words(text);
  const action = parseAction(words, names);
  let waits = true;
  let withinS = WITHIN_S;
  if (words.accept('within')) withinS = parseSeconds(words);
  if (words.next === '&') {
    const isRequest = ['trigger', 'backfill', 'mark', 'clear', 'delete', 'work'].includes(action.do);
    if (!isRequest) throw words.problem('only a request of a worker or an operator can go on without its answer: no &');
    words.expect('&');
    waits = false;
  }
  if (words.next !== undefined) throw words.unknown([...(withinS === WITHIN_S ? ['within 20s'] : []), '&']);
  return { text, line, action, waits, withinS };
}

function parseSeconds(words: Words): number {
  const { next, offset } = words;
  const seconds = Number(/^(\d+)s$/.exec(words.any('a time'))?.[1] ?? Number.NaN);
  if (seconds >= 1 && seconds <= LONGEST_WITHIN_S) return seconds;
  throw new SentenceProblem(offset, `"${next}" is no time: 1s to ${LONGEST_WITHIN_S}s`);
}

const OPENINGS = ['operator', 'worker', 'workers', 'executor', 'hold', 'cut', 'release'] as const;

function parseAction(words: Words, names: ScriptNames): StepAction {
  const { points, tasks, runs } = names;
  if (words.accept('workers')) return answers(words, 'workers', 'are answered');
  if (words.accept('operator')) return parseOperator(words, names);
  if (words.accept('worker')) return parseWorker(words, names);
  if (words.accept('executor')) return parseNews(words, names);
  if (words.accept('hold')) return parseHold(words, names, 'hold');
  if (words.accept('cut')) return parseHold(words, names, 'cut');
  if (words.accept('release')) return parseRelease(words, names);
  const process = SCRIPT_PROCESSES.toSorted((a, b) => b.length - a.length).find((one) => words.accept(one));
  if (process) return parseCondition(words, names, process);
  const { next = '' } = words;
  if (points.has(next)) {
    words.expect(next);
    words.expect('is reached');
    return { do: 'reached', name: next };
  }
  if (tasks.includes(next)) {
    const of = parseTask(words, names);
    words.expect('is');
    return { do: 'state', of, state: words.choose(TASK_STATES, 'state of a task') };
  }
  if (runs.has(next)) {
    words.expect(next);
    words.expect('is');
    return { do: 'state', of: next, state: words.choose(RUN_STATES, 'state of a run') };
  }
  const own = [...points.keys(), ...tasks, ...runs];
  throw words.unknown([...OPENINGS, ...SCRIPT_PROCESSES, ...own], 'beginning');
}

function answers(words: Words, who: 'operator' | 'workers' | TaskName, rest: string): StepAction {
  words.expect(rest);
  return { do: 'answered', who };
}

function parseOperator(words: Words, names: ScriptNames): StepAction {
  const verb = words.choose(['triggers', 'revises', 'backfills', 'marks', 'clears', 'deletes', 'is answered']);
  switch (verb) {
    case 'is answered':
      return { do: 'answered', who: 'operator' };
    case 'triggers': {
      const isNamed = words.next !== undefined && words.next !== '&' && words.next !== 'within';
      const run = isNamed ? newName(words, names, 'the name of a run') : 'r';
      if (!isNamed && names.runs.has(run)) throw words.problem('a second run needs a name: operator triggers r2');
      names.runs.add(run);
      return { do: 'trigger', run };
    }
    case 'revises':
      return { do: 'revise' };
    case 'backfills': {
      const { next, offset } = words;
      const runs = Number(words.any('how many runs'));
      if (!(Number.isInteger(runs) && runs >= 1 && runs <= 100))
        throw new SentenceProblem(offset, `"${next}" is no number of runs from 1 to 100`);
      words.choose(['runs', 'run']);
      return { do: 'backfill', runs };
    }
    case 'marks': {
      const of = parseTask(words, names);
      return { do: 'mark', of, state: words.choose(MARKS, 'state that an operator can set') };
    }
    case 'clears':
      return { do: 'clear', of: parseTask(words, names) };
    case 'deletes':
      return { do: 'delete', run: words.choose([...names.runs], 'run of the script') };
    default:
      return verb satisfies never;
  }
}

function parseWorker(words: Words, names: ScriptNames): StepAction {
  const of = parseTask(words, names);
  if (words.accept('is answered')) return { do: 'answered', who: of };
  words.expect(':');
  return { do: 'work', of, cue: parseWork(words, names) };
}

function parseWork(words: Words, names: ScriptNames): WorkerCue {
  const act = words.choose(
    ['run', 'beat', 'success', 'fail', 'retry', 'result', 'fields', 'skip'],
    'action of a worker',
  );
  if (act === 'fields') return { act, text: words.any('the text of the fields') };
  if (act !== 'skip') return { act };
  const tasks = [words.choose(names.tasks, 'task of the DAG')];
  while (words.accept(',')) tasks.push(words.choose(names.tasks, 'task of the DAG'));
  return { act, tasks };
}

function parseNews(words: Words, names: ScriptNames): StepAction {
  words.expect(':');
  const of = parseTask(words, names);
  const ended = words.choose(['succeeds', 'fails']) === 'fails' ? 'fail' : 'success';
  return { do: 'news', of, ended };
}

/** `d`, or `d of r2`. */
function parseTask(words: Words, { tasks, runs }: ScriptNames): TaskName {
  const task = words.choose(tasks, 'task of the DAG');
  if (words.accept('of')) return { task, run: words.choose([...runs], 'run of the script') };
  const [only] = runs;
  if (only === undefined) throw words.problem('there is no run yet: begin with "operator triggers"');
  return { task, run: only };
}

function parseHold(words: Words, names: ScriptNames, what: 'hold' | 'cut'): StepAction {
  const process = words.choose(SCRIPT_PROCESSES, 'process');
  const places: readonly Point['at'][] = what === 'cut' ? ['before'] : ['before', 'after'];
  const at = words.choose(places);
  const point = { at, ...parsePoint(words, names) };
  words.expect('as');
  const name = newName(words, names, `the name of the ${what}`);
  names.points.set(name, { do: what });
  return { do: what, process, point, name };
}

function newName(words: Words, { tasks, runs, points }: ScriptNames, what: string): string {
  const { offset } = words;
  const name = words.any(what);
  const taken = [...tasks, ...runs, ...points.keys(), ...OPENINGS, ...SCRIPT_PROCESSES, 'other'];
  if (taken.includes(name)) throw new SentenceProblem(offset, `"${name}" is taken: give ${what} another one`);
  if (!NAME.test(name)) throw new SentenceProblem(offset, `"${name}" is no name: letters, digits, . _ and -`);
  return name;
}

function parseRelease(words: Words, { points }: ScriptNames): StepAction {
  const known = [...points].filter(([, one]) => one.do === 'hold').map(([name]) => name);
  const names = [words.choose(known, 'hold')];
  while (words.accept('and')) names.push(words.choose(known, 'hold'));
  if (names.length > 1) words.expect('together');
  return { do: 'release', names };
}

function parseCondition(words: Words, names: ScriptNames, process: ScriptProcess): StepAction {
  if (words.choose(['passes', 'is blocked by']) === 'passes')
    return { do: 'passes', process, point: { at: 'after', ...parsePoint(words, names) } };
  return { do: 'blocked', process, by: words.choose([...names.points.keys()], 'hold') };
}

function parsePoint(words: Words, names: ScriptNames): Pick<Point, 'what' | 'having'> {
  const what = words.accept('commit') ? 'commit' : parseAccess(words, names, ['commit']);
  return { what, having: words.accept('having') ? parseAccess(words, names, []) : null };
}

function parseAccess(words: Words, names: ScriptNames, others: readonly string[]): Access {
  const ordinal = Object.keys(ORDINALS).find((one) => words.accept(one));
  const acts = [...ACTS].find((one) => words.accept(one));
  if (acts === undefined) throw words.unknown([...ACTS, ...(ordinal ? [] : [...Object.keys(ORDINALS), ...others])]);
  const table = words.choose(SCRIPT_TABLES, 'table');
  let detail: string | null = null;
  if (words.accept('(')) {
    detail = words.any('a column or a value');
    words.expect(')');
  }
  const of = words.accept('of')
    ? words.choose([...new Set([...names.tasks, ...names.runs, ...names.allRuns])], 'task or run of the script')
    : null;
  return { act: acts, table, detail, nth: ordinal ? (ORDINALS[ordinal] ?? 1) : 1, of };
}
