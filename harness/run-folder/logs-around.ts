import { closeSync, existsSync, openSync, readdirSync, readSync } from 'node:fs';
import path from 'node:path';
import { StringDecoder } from 'node:string_decoder';

const CHUNK_BYTES = 1 << 20;
/** Of one log: more than a report of any form takes. */
const MOST_CHARACTERS = 1 << 24;

/** What a process wrote: the name of its log, relative to the run folder, and its lines of that time. */
export interface LogAround {
  readonly name: string;
  readonly text: string;
  /** Where in the text the moment is. */
  readonly at: number;
}

/** Lines of Airflow's logs begin with their time; those that do not belong to the one before. */
const TIME = /^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?)(Z|[+-]\d\d:?\d\d)?/;

/** What processes wrote before and after a moment of the wall clock; logs without such lines are left out. */
export function logsAround(run: string, moment: number, aroundMs: number): LogAround[] {
  const folder = path.join(run, 'logs');
  if (!existsSync(folder)) return [];
  const found = readdirSync(folder, { withFileTypes: true }).filter((one) => one.isFile() && one.name.endsWith('.log'));
  return found
    .map(({ name }) => ({ name: `logs/${name}`, ...linesAround(path.join(folder, name), moment, aroundMs) }))
    .filter(({ text }) => text !== '')
    .sort((a, b) => a.name.localeCompare(b.name));
}

function linesAround(file: string, moment: number, aroundMs: number): Pick<LogAround, 'text' | 'at'> {
  const kept: string[] = [];
  let inside = false;
  let characters = 0;
  let at: number | undefined;
  for (const line of linesOf(file)) {
    const [, time, zone = 'Z'] = TIME.exec(line) ?? [];
    if (time !== undefined) {
      const when = Date.parse(`${time.replace(' ', 'T').replace(',', '.')}${zone}`);
      inside = Math.abs(when - moment) <= aroundMs;
      if (when >= moment) at ??= characters;
    }
    if (!inside) continue;
    characters += line.length + 1;
    if (characters > MOST_CHARACTERS) break;
    kept.push(line);
  }
  return { text: kept.join('\n'), at: at ?? characters };
}

function* linesOf(file: string): Generator<string> {
  const descriptor = openSync(file, 'r');
  try {
    const decoder = new StringDecoder('utf8');
    const buffer = Buffer.alloc(CHUNK_BYTES);
    let rest = '';
    for (;;) {
      const got = readSync(descriptor, buffer, 0, buffer.length, null);
      const lines = (rest + (got === 0 ? decoder.end() : decoder.write(buffer.subarray(0, got)))).split('\n');
      rest = got === 0 ? '' : (lines.pop() ?? '');
      yield* lines;
      if (got === 0) return;
    }
  } finally {
    closeSync(descriptor);
  }
}
