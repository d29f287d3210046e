import { literalPattern } from '../../model/sql-literals.ts';

/** A literal as text, null for NULL, or the number of a parameter, from 1. */
export type Literal = string | null | number;

/** One statement of a message. */
export interface StatementText {
  readonly text: string;
  /** With `?` for each literal and parameter, and a blank for each comment. */
  readonly shape: string;
  readonly literals: readonly Literal[];
  /** Where each of them begins in the text. */
  readonly places: readonly number[];
}

/** Also what ends a statement, parameters, and words that are values. */
const LITERAL = literalPattern(/;/, /\$\d+/, /\b(?:NULL|TRUE|FALSE)\b/, /\b(?:null|true|false)\b/);
/** There the word is no value: `IS NULL`, `NOT NULL`. */
const NO_VALUE = /\b(?:is|not)\s+$/i;

/** The statements of a message, which simple queries separate by semicolons; empty ones are none. */
export function statementsOf(message: string): StatementText[] {
  const found: StatementText[] = [];
  let begin = 0;
  let from = 0;
  let shape = '';
  let literals: Literal[] = [];
  let places: number[] = [];
  const end = (at: number) => {
    const all = message.slice(begin, at);
    const leading = begin + all.length - all.trimStart().length;
    if (shape.trim() !== '')
      found.push({ text: all.trim(), shape, literals, places: places.map((place) => place - leading) });
    shape = '';
    literals = [];
    places = [];
  };
  for (const match of message.matchAll(LITERAL)) {
    const [literal] = match;
    shape += message.slice(from, match.index);
    from = match.index + literal.length;
    if (literal === ';') {
      end(match.index);
      begin = from;
    } else if (literal.startsWith('"')) shape += literal;
    else if (literal.startsWith('--') || literal.startsWith('/*')) shape += ' ';
    else if (/^[ntf]/i.test(literal) && NO_VALUE.test(shape)) shape += literal;
    else {
      shape += '?';
      literals.push(literalOf(literal));
      places.push(match.index);
    }
  }
  shape += message.slice(from);
  end(message.length);
  return found;
}

function literalOf(literal: string): Literal {
  const [first = ''] = literal;
  if (first === "'") return literal.slice(1, -1).replaceAll("''", "'");
  if (/^[eE]'/.test(literal))
    return literal.slice(2, -1).replace(/\\([\s\S])|''/g, (_, escaped?: string) => escaped ?? "'");
  if (/^\$\d/.test(literal)) return Number(literal.slice(1));
  if (first === '$') return literal.replace(/^\$\w*\$|\$\w*\$$/g, '');
  return /^null$/i.test(literal) ? null : literal.toLowerCase();
}
