import type { Clause } from './frames.ts';
import { NO_TOKEN, type Token } from './tokens.ts';

export const CLAUSES: Readonly<Record<string, Clause>> = {
  where: 'where',
  on: 'where',
  having: 'where',
  order: 'other',
  group: 'other',
  limit: 'other',
  offset: 'other',
  window: 'other',
  union: 'other',
  except: 'other',
  intersect: 'other',
  returning: 'other',
  conflict: 'other',
};
/** Words that no table, alias or column is, where they are not in quotes. */
const KEYWORDS = new Set(
  [
    ...Object.keys(CLAUSES),
    ...'select from join left right inner outer full cross natural lateral only as set values using for fetch'.split(
      ' ',
    ),
    ...'and or not in is null true false like ilike between case when then else end any all some exists'.split(' '),
    ...'distinct asc desc nulls first last array default of skip locked nowait'.split(' '),
    ...'by with recursive insert into update delete do nothing materialized ordinality'.split(' '),
  ].filter((word) => word !== ''),
);
export const OPERATORS = new Set(['=', '<>', '!=', '<', '>', '<=', '>=', 'like', 'ilike']);
export const AGGREGATES = new Set(['count', 'sum', 'min', 'max', 'avg', 'bool_or', 'bool_and', 'array_agg']);
export const FUNCTIONS_WITH_FROM = new Set(['extract', 'substring', 'trim', 'overlay', 'position']);

export function isKeyword({ text, isQuoted }: Token): boolean {
  return !isQuoted && KEYWORDS.has(text);
}

/** `FOR NO KEY UPDATE` and the others. */
export function isLockMode(text: string): boolean {
  return /^(update|share|no|key)$/.test(text);
}

interface LockClause {
  /** `no key update`. */
  readonly mode: string;
  /** Names or aliases; none: all tables of the query. */
  readonly of: readonly string[];
  readonly waits: 'skip locked' | 'nowait' | undefined;
  /** The place of its last token. */
  readonly end: number;
}

/** What follows FOR, which is before `begin`. */
export function lockClause(tokens: readonly Token[], begin: number): LockClause {
  const at = (i: number) => (tokens[i] ?? NO_TOKEN).text;
  const mode: string[] = [];
  const of: string[] = [];
  let i = begin;
  for (; isLockMode(at(i)); i++) mode.push(at(i));
  for (let isList = at(i) === 'of'; isList; isList = at(i) === ',') {
    of.push(at(i + 1));
    i += 2;
  }
  const waits = at(i) === 'nowait' ? 'nowait' : at(i) === 'skip' ? 'skip locked' : undefined;
  return { mode: mode.join(' '), of, waits, end: waits === undefined ? i - 1 : waits === 'nowait' ? i : i + 1 };
}
