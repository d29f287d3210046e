/** A word, a sign or the place of a literal. */
export interface Token {
  /** A word in small letters unless it is in quotes; `?` for a literal. */
  readonly text: string;
  readonly isWord: boolean;
  readonly isQuoted: boolean;
  /** Which literal of the statement, from 0; -1 for all else. */
  readonly slot: number;
}

const TOKEN = /"((?:[^"]|"")*)"|([A-Za-z_]\w*)|::|<>|!=|<=|>=|\|\||->>?|\?|\S/g;

/** The tokens of a statement without literals, without the types of casts (`?::timestamp with time zone`). */
export function tokensOf(shape: string): Token[] {
  const tokens: Token[] = [];
  let slots = 0;
  for (const { 0: all, 1: quoted, 2: word } of shape.matchAll(TOKEN)) {
    const isWord = quoted !== undefined || word !== undefined;
    tokens.push({
      text: quoted ?? all.toLowerCase(),
      isWord,
      isQuoted: quoted !== undefined,
      slot: all === '?' ? slots++ : -1,
    });
  }
  return withoutCasts(tokens);
}

const OF_TYPES = new Set(['with', 'without', 'time', 'zone', 'varying', 'precision']);

function withoutCasts(tokens: readonly Token[]): Token[] {
  const kept: Token[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i];
    if (!token) break;
    if (token.text !== '::') {
      kept.push(token);
      continue;
    }
    i++;
    while (OF_TYPES.has(tokens[i + 1]?.text ?? '') && tokens[i + 1]?.isWord) i++;
    if (tokens[i + 1]?.text === '(' && tokens[i + 2]?.slot !== -1 && tokens[i + 3]?.text === ')') i += 3;
    if (tokens[i + 1]?.text === '[' && tokens[i + 2]?.text === ']') i += 2;
  }
  return kept;
}

export const NO_TOKEN: Token = { text: '', isWord: false, isQuoted: false, slot: -1 };

/** The literals between a parenthesis and its end; none if there is a query. */
export function slotsIn(tokens: readonly Token[], parenthesis: number): number[] {
  const slots: number[] = [];
  let depth = 0;
  for (const { text, slot, isWord } of tokens.slice(parenthesis)) {
    if (isWord && text === 'select') return [];
    if (slot >= 0) slots.push(slot);
    if (text === '(') depth++;
    if (text === ')' && --depth === 0) break;
  }
  return slots;
}
