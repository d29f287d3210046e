import { readFileSync } from 'node:fs';

import { type Document, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';

import { reasonOf, UsageError } from '../model/errors.ts';
import { isRecord } from '../model/json.ts';
import { shapeProblems } from '../model/shape-problems.ts';
import { RACE_FILE, type RaceFile } from './race-file.ts';
import { parseSentence, type ScriptNames } from './sentence.ts';
import type { Step } from './steps.ts';
import { SentenceProblem } from './words.ts';

/** A file of a race that has been read: what it asks for, and its steps. */
export interface RaceScript {
  readonly file: string;
  readonly text: string;
  readonly race: RaceFile;
  readonly steps: readonly Step[];
}

/** Of problems of one file. */
const SAID = 30;

/** UsageError: the file cannot be read, or is not what it must be; with all that is wrong, each with its line. */
export function readScript(file: string): RaceScript {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`The race file ${file} cannot be read: ${reasonOf(error)}.`, { cause: error });
  }
  return parseScript(file, text);
}

export function parseScript(file: string, text: string): RaceScript {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, schema: 'core', prettyErrors: false });
  const placed = new Places(file, document, lines);
  const syntax = document.errors.map(({ pos, message }) => `${placed.at(pos[0])}: ${message.split('\n')[0]}`);
  if (syntax.length > 0) throw problemsOf(file, syntax);
  const found: unknown = document.toJS({ maxAliasCount: 0 });
  const { steps, problems } = parseSteps(text, found, placed);
  const shape = shapeProblems(RACE_FILE, found, 'the file').map((problem) => {
    const [path = ''] = problem.split(':');
    return `${placed.of(path.split('.'))}: ${problem}`;
  });
  const all = [...shape, ...problems, ...(isRecord(found) ? upstreamProblems(found, placed) : [])];
  if (all.length > 0) throw problemsOf(file, all);
  return { file, text, race: found as RaceFile, steps };
}

function problemsOf(file: string, problems: readonly string[]): UsageError {
  const said = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
  const more = problems.length > SAID ? [`  and ${problems.length - SAID} more`] : [];
  const shown = problems.slice(0, SAID).map((problem) => `  - ${problem}`);
  return new UsageError([`${file} has ${said}:`, ...shown, ...more].join('\n'));
}

/** Where the parts of a file stand in it. */
class Places {
  readonly #file: string;
  readonly #document: Document.Parsed;
  readonly #lines: LineCounter;

  constructor(file: string, document: Document.Parsed, lines: LineCounter) {
    this.#file = file;
    this.#document = document;
    this.#lines = lines;
  }

  at(offset: number): string {
    const { line, col } = this.#lines.linePos(offset);
    return `${this.#file}:${line}:${col}`;
  }

  line(offset: number): number {
    return this.#lines.linePos(offset).line;
  }

  /** The nearest part with a place of its own that the path leads to. */
  of(path: readonly string[]): string {
    for (let length = path.length; length >= 0; length--) {
      const node = this.node(path.slice(0, length));
      if (node?.range) return this.at(node.range[0]);
    }
    return this.#file;
  }

  node(path: readonly (string | number)[]): Node | undefined {
    const keys = path.map((key) => (/^\d+$/.test(String(key)) ? Number(key) : key));
    const node = keys.length === 0 ? this.#document.contents : this.#document.getIn(keys, true);
    return typeof node === 'object' && node !== null && 'range' in node ? (node as Node) : undefined;
  }
}

function parseSteps(
  text: string,
  found: unknown,
  places: Places,
): { readonly steps: readonly Step[]; readonly problems: readonly string[] } {
  const script = places.node(['script']);
  const steps: Step[] = [];
  const problems: string[] = [];
  if (!isSeq(script)) return { steps, problems };
  const tasks = isRecord(found) && isRecord(found.dag) ? Object.keys(found.dag) : [];
  const sentences = script.items.flatMap((item) => sentenceOf(text, item) ?? []);
  const allRuns = sentences.flatMap(({ words }) => {
    const [, run] = /^operator triggers(?: ([\w.-]+))?/.exec(words) ?? [null];
    return run === null ? [] : [run ?? 'r'];
  });
  const names: ScriptNames = { tasks, runs: new Set(), allRuns, points: new Map() };
  for (const { words, offset } of sentences) {
    try {
      steps.push(parseSentence(words, places.line(offset), names));
    } catch (error) {
      if (!(error instanceof SentenceProblem)) throw error;
      problems.push(`${places.at(offset + error.offset)}: ${error.message}`);
      // What the sentence would have named is no second problem further down.
      const [, kind, name] = /^(hold|cut)\b.* as (\S+)$/.exec(words) ?? [];
      if (name !== undefined) names.points.set(name, { do: kind === 'cut' ? 'cut' : 'hold' });
    }
  }
  return { steps, problems: [...problems, ...nameProblems(steps, names, places, script)] };
}

/** A sentence with a colon in it is a map to YAML, if it stands there without quotes. */
function sentenceOf(text: string, item: unknown): { readonly words: string; readonly offset: number } | undefined {
  if (isScalar(item) && typeof item.value === 'string' && item.range) {
    const quoted = /^['"]/.test(text.slice(item.range[0]));
    return { words: item.value, offset: item.range[0] + (quoted ? 1 : 0) };
  }
  if (!isMap(item) || item.items.length !== 1 || !item.range) return undefined;
  const value = item.items[0]?.value;
  const end = isScalar(value) ? value.range?.[1] : undefined;
  return end === undefined ? undefined : { words: text.slice(item.range[0], end), offset: item.range[0] };
}

/** What no sentence alone shows. */
function nameProblems(steps: readonly Step[], names: ScriptNames, places: Places, script: Node): string[] {
  const where = places.at(script.range?.[0] ?? 0);
  const released = new Set(steps.flatMap(({ action }) => (action.do === 'release' ? action.names : [])));
  const reached = new Set(steps.flatMap(({ action }) => (action.do === 'reached' ? [action.name] : [])));
  return [...names.points].flatMap(([name, point]) => [
    ...(reached.has(name) ? [] : [`${where}: no step waits for ${name}: "${name} is reached" is missing`]),
    ...(point.do === 'hold' && !released.has(name) ? [`${where}: ${name} is held and never released`] : []),
  ]);
}

function upstreamProblems({ dag }: Readonly<Record<string, unknown>>, places: Places): string[] {
  if (!isRecord(dag)) return [];
  const known = Object.keys(dag);
  return Object.entries(dag).flatMap(([task, spec]) => {
    const after = isRecord(spec) && Array.isArray(spec.after) ? spec.after.map(String) : [];
    const unknown = after.filter((one) => !known.includes(one) || one === task);
    return unknown.map(
      (one) => `${places.of(['dag', task, 'after'])}: there is no other task "${one}"; known here: ${known.join(', ')}`,
    );
  });
}
