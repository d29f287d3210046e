import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import type { Sent } from './stub.ts';

export const RELEASES = ['3.1.8', '3.2.1', '3.2.2', '3.3.2', '3.4.0b2'] as const;

/** One case, as one release's worker or a life played it. */
export interface Played {
  readonly requests: readonly Request[];
  /** What an executor learns: `returned`, or `raised` and the name of the error. */
  readonly end: string;
}

/** A request without what differs from one play to the next. */
export type Request = Omit<Sent, 'headers'>;

/** What the real worker of one release sent in each case. */
export interface Recording {
  readonly release: string;
  /** Of every request; of a value that differs from request to request, what it is. */
  readonly headers: Readonly<Record<string, string>>;
  readonly cases: Readonly<Record<string, Played>>;
}

const FOLDER = path.join(import.meta.dirname, 'recorded');

export function readRecording(release: string): Recording {
  return JSON.parse(readFileSync(path.join(FOLDER, `${release}.json`), 'utf8')) as Recording;
}

/** One request a line: a new recording's diff shows which of them changed. */
export function writeRecording({ release, headers, cases }: Recording): void {
  const lines = Object.entries(cases).map(([name, { end, requests }]) => {
    const rows = requests.map((request) => `  ${JSON.stringify(request)}`).join(',\n');
    return `${JSON.stringify(name)}: {"end": ${JSON.stringify(end)}, "requests": [\n${rows}\n]}`;
  });
  const head = `"release": ${JSON.stringify(release)},\n"headers": ${JSON.stringify(headers)},`;
  writeFileSync(path.join(FOLDER, `${release}.json`), `{\n${head}\n"cases": {\n${lines.join(',\n')}\n}\n}\n`);
}

export function masked(sent: readonly Sent[]): Request[] {
  return sent.map(({ headers: _, body, what, ...request }) => ({
    ...request,
    what: what.replace(RUN, '<run>'),
    body: maskedBody(body),
  }));
}

const TIME = /^\d{4}-\d\d-\d\dT/;
const RUN = /manual__[-+:.\dT]+/;
/** Texts and numbers of these names differ from machine to machine. */
const OF_THE_MACHINE = new Set(['hostname', 'unixname', 'pid', 'ti_id']);

function maskedBody(value: unknown, name = ''): unknown {
  if (OF_THE_MACHINE.has(name)) return `<${name}>`;
  if (typeof value === 'string') return TIME.test(value) ? '<time>' : value.replace(RUN, '<run>');
  if (Array.isArray(value)) return value.map((item) => maskedBody(item));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, maskedBody(item, key)]));
}

/** The headers that all requests have, and `content-type` of those with a body. */
export function headersOf(sent: readonly Sent[]): Record<string, string> {
  const found: Record<string, string> = {};
  const names = [...new Set(sent.flatMap(({ headers }) => Object.keys(headers)))].sort();
  for (const name of names) {
    if (name === 'host' || name === 'content-length') continue;
    const values = new Set(sent.map(({ headers }) => headers[name]));
    if (name === 'authorization') found[name] = 'Bearer <token>';
    else if (name === 'correlation-id') found[name] = values.size === sent.length ? '<new each time>' : '<sent again>';
    else if (name === 'traceparent') found[name] = '<trace>';
    else if (name === 'content-type') found[name] = [...values].filter((value) => value !== undefined).join(' or ');
    else found[name] = [...values].map((value) => value ?? '<not always>').join(' or ');
  }
  return found;
}
