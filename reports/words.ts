import stringWidth from 'string-width';

import type { CountDifference, MeasureDifference } from '../harness/model/comparison.ts';
import type { Verdict } from '../harness/model/verdict.ts';
import type { Counted } from '../harness/statistics/statistics.ts';

export { listed, some } from '../harness/model/listed.ts';

/**
 * Text from a run is not ours: ids, statements and messages may hold escape sequences, line breaks, or characters
 * that turn the reading direction. They are made visible instead of obeyed, in every format.
 */
export function visible(text: string): string {
  return text
    .replace(/[\t\n\r\u2028\u2029]+/g, ' ')
    .replace(UNSEEN, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

/** The same of text with lines of our own, such as a list of problems. */
export function visibleLines(text: string): string {
  return text.split('\n').map(visible).join('\n');
}

/** A document of JSON in which those characters are escapes: read again it is the same, and a terminal obeys none. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(UNSEEN, (character) =>
    character === '\n' ? character : codes(character),
  );
}

function codes(character: string): string {
  return Array.from({ length: character.length }, (_, place) => {
    return `\\u${character.charCodeAt(place).toString(16).padStart(4, '0')}`;
  }).join('');
}

/** Text in HTML or XML, as an element's text or an attribute's value. */
export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Control and format characters (they hide or reorder what is seen), lone surrogates, and non-characters. */
const UNSEEN = /\p{Cc}|\p{Cf}|\p{Cs}|[\ufff9-\uffff]/gu;

const segmenter = new Intl.Segmenter();

/** Cuts to so many columns of a terminal, with an ellipsis; never through a character. */
export function shorten(text: string, columns: number): string {
  // Longer text is cut before it is measured: a statement may be megabytes.
  const head = text.length > 4 * columns + 64 ? text.slice(0, 4 * columns + 64) : text;
  if (head === text && stringWidth(text) <= columns) return text;
  let result = '';
  let width = 0;
  for (const { segment } of segmenter.segment(head)) {
    width += stringWidth(segment);
    if (width > columns - 1) break;
    result += segment;
  }
  return columns < 1 ? '' : `${result.trimEnd()}…`;
}

export const GLYPH = { fail: '✗', unknown: '?', pass: '✓' } as const satisfies Record<Verdict, string>;

/** For documents that can be long: the beginning, and how much was left out. */
export function excerpt(text: string, characters: number): string {
  const shown = visible(text.slice(0, characters));
  return text.length <= characters ? shown : `${shown}… (${count(text.length)} characters)`;
}

export function padEnd(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - stringWidth(text)));
}

export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** `1 violation`, `1,204 violations`. */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** `60 s`, `0.4 s`, `8 min`, `8 h 5 min`: as exact as a reader needs. */
export function seconds(value: number): string {
  if (value < 10) return `${Number(value.toFixed(1))} s`;
  if (value < 180) return `${Math.round(value)} s`;
  const minutes = Math.round(value / 60);
  if (minutes < 180) return `${minutes} min`;
  return minutes % 60 === 0 ? `${minutes / 60} h` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A moment on the run's clock. */
export function moment(ms: number, digits = 1): string {
  return `${(ms / 1000).toFixed(digits)} s`;
}

export function percent(share: number): string {
  return share > 0 && share < 0.01 ? '< 1 %' : `${Math.round(share * 100)} %`;
}

/** Three digits are enough to compare by: `0.4`, `12.3`, `1,204`. */
export function milliseconds(ms: number): string {
  return ms < 10 ? ms.toFixed(1) : count(ms);
}

/** `812 MB`, `1.1 GB`. */
export function bytes(value: number): string {
  return value < 1e9 ? `${Math.round(value / 1e6)} MB` : `${Number((value / 1e9).toPrecision(2))} GB`;
}

/** A rate per second or per operation as people say it: `14.2/min`, `3.4 in 1,000`. */
export function rate(unit: CountDifference['exposure_unit'], value: number): string {
  const scaled = unit === 's' ? value * 60 : value * 1000;
  const text = scaled >= 1000 ? count(scaled) : `${Number(scaled.toPrecision(scaled < 1 ? 2 : 3))}`;
  return unit === 's' ? `${text}/min` : `${text} in 1,000`;
}

/** `8 in 60 s → 0 in 60 s`, `81 of 1,204 → 0 of 1,100`. */
export function changeWords(unit: CountDifference['exposure_unit'], a: Counted, b: Counted): string {
  const one = ({ count: n, exposure }: Counted) =>
    unit === 's' ? `${count(n)} in ${seconds(exposure)}` : `${count(n)} of ${count(exposure)}`;
  return `${one(a)} → ${one(b)}`;
}

/** `412 ms`, `9.8 /s`, `1.1 GB`. */
export function amountOf(unit: MeasureDifference['unit'], value: number): string {
  switch (unit) {
    case 'ms':
      return `${milliseconds(value)} ms`;
    case '1/s':
      return `${Number(value.toPrecision(3))} /s`;
    case 's':
      return `${Number(value.toPrecision(2))} s`;
    case 'bytes':
      return bytes(value);
    case '':
      return `${Number(value.toPrecision(2))}`;
    default:
      return unit satisfies never;
  }
}

/** `p = 0.002`, `p < 0.0001`. */
export function pValue(p: number): string {
  return p < SMALLEST_P ? `p ${probability(p)}` : `p = ${probability(p)}`;
}

const SMALLEST_P = 0.0001;

/** The value alone, for a cell below the heading `p`. */
export function probability(p: number): string {
  if (p < SMALLEST_P) return '< 0.0001';
  return p < 0.1 ? Number(p.toPrecision(2)).toString() : Math.min(1, p).toFixed(2);
}

/** Prose in lines of so many columns, broken between words. */
export function lines(text: string, columns: number): string[] {
  const result: string[] = [];
  for (const word of text.split(' ')) {
    const last = result.at(-1);
    if (last !== undefined && stringWidth(last) + 1 + stringWidth(word) <= columns) {
      result[result.length - 1] = `${last} ${word}`;
    } else {
      result.push(word);
    }
  }
  return result;
}

/** Past these a document is no longer read; the tables of the run hold everything. */
export const LIMITS = { deadlockKinds: 12, refusals: 40, sentence: 1200, statement: 1500 } as const;
