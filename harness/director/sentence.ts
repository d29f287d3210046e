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
import { SentenceProblem, Words } from './words.ts';

const WITHIN_S = 10;
const LONGEST_WITHIN_S = 300;
const NAME = /^[A-Za-z][\w.-]*$/;
const ORDINALS: Readonly<Record<string, number>> = { '1st': 1, '2nd': 2, '3rd': 3, '4th': 4 };

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

/** One sentence of a script. Adds the names that it gives to `names`. Throws a SentenceProblem. */
export function parseSentence(text: string, line: number, names: ScriptNames): Step {
  const words = new Words(text);
  const action = parseAction(words, names);
  let waits = true;
  let withinS = WITHIN_S;
  if (words.accept('within')) withinS = parseSeconds(words);
  const orHeld = words.next === 'or';
  if (orHeld) {
    if (!['reached', 'passes'].includes(action.do))
      throw words.problem(
        'only what waits for a point can be held if absent: "NAME is reached", "PROCESS passes POINT"',
      );
    words.expect(OR_HELD);
  }
  if (words.next === '&') {
    const isRequest = ['trigger', 'backfill', 'mark', 'clear', 'delete', 'work'].includes(action.do);
    if (!isRequest) throw words.problem('only a request of a worker or an operator can go on without its answer: no &');
    words.expect('&');
    waits = false;
  }
  if (words.next !== undefined) {
    const isPoint = ['reached', 'passes'].includes(action.do) && !orHeld;
    throw words.unknown([
      ...(withinS === WITHIN_S && !orHeld ? ['within 20s'] : []),
      ...(isPoint ? [OR_HELD] : []),
      '&',
    ]);
  }
  return { text, line, action, waits, withinS, orHeld };
}

function parseSeconds(words: Words): number {
  const { next, offset } = words;
  const seconds = Number(/^(\d+)s$/.exec(words.any('a time'))?.[1] ?? Number.NaN);
  if (seconds >= 1 && seconds <= LONGEST_WITHIN_S) return seconds;
  throw new SentenceProblem(offset, `"${next}" is no time: 1s to ${LONGEST_WITHIN_S}s`);
}

const HANDED = 'handed over';
const OR_HELD = 'or held if absent';
const OPENINGS = ['operator', 'worker', 'first worker', 'workers', 'executor', 'hold', 'cut', 'release'] as const;

function parseAction(words: Words, names: ScriptNames): StepAction {
  const { points, tasks, runs } = names;
  if (words.accept('workers')) return answers(words, 'workers', 'are answered');
  if (words.accept('operator')) return parseOperator(words, names);
  if (words.accept('worker')) return parseWorker(words, names);
  if (words.accept('first worker')) return parseCue(words, names, { of: parseTask(words, names), by: 'first' });
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
    const state = words.choose([...TASK_STATES, HANDED], 'state of a task');
    return state === HANDED ? { do: 'handed', of } : { do: 'state', of, state };
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
      const marks = parseList(words, () => {
        const of = parseTask(words, names);
        return { of, state: words.choose(MARKS, 'state that an operator can set') };
      });
      ofOneRun(
        words,
        marks.map(({ of }) => of),
      );
      return { do: 'mark', marks };
    }
    case 'clears': {
      const cleared = parseList(words, () => parseTask(words, names));
      ofOneRun(words, cleared);
      return { do: 'clear', tasks: cleared };
    }
    case 'deletes': {
      const what = words.choose(['the DAG', ...names.runs], 'run of the script');
      return { do: 'delete', run: what === 'the DAG' ? null : what };
    }
    default:
      return verb satisfies never;
  }
}

function parseWorker(words: Words, names: ScriptNames): StepAction {
  const of = parseTask(words, names);
  if (words.accept('is answered')) return { do: 'answered', who: of };
  return parseCue(words, names, { of, by: 'newest' });
}

function parseCue(
  words: Words,
  names: ScriptNames,
  who: Pick<Extract<StepAction, { readonly do: 'work' }>, 'of' | 'by'>,
): StepAction {
  words.expect(':');
  return { do: 'work', ...who, cue: parseWork(words, names) };
}

function parseList<Item>(words: Words, parse: () => Item): Item[] {
  const items = [parse()];
  while (words.accept(',')) items.push(parse());
  return items;
}

function ofOneRun(words: Words, tasks: readonly TaskName[]): void {
  if (new Set(tasks.map(({ run }) => run)).size > 1) throw words.problem('one request is of the tasks of one run');
}

function parseWork(words: Words, names: ScriptNames): WorkerCue {
  const act = words.choose(
    ['run', 'beat', 'success', 'fail', 'retry', 'defer', 'reschedule', 'result', 'fields', 'skip', 'follow'],
    'action of a worker',
  );
  if (act === 'fields') return { act, text: words.any('the text of the fields') };
  if (act !== 'skip' && act !== 'follow') return { act };
  if (act === 'follow' && words.accept('nothing')) return { act, tasks: [] };
  return { act, tasks: parseList(words, () => words.choose(names.tasks, 'task of the DAG')) };
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
