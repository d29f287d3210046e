export type Clause =
  | 'start'
  | 'with'
  | 'select'
  | 'from'
  | 'into'
  | 'columns'
  | 'set'
  | 'where'
  | 'values'
  | 'row'
  | 'other';

/** A column as a statement names it. */
export interface Reference {
  readonly qualifier: string | undefined;
  readonly column: string;
  readonly frame: Frame;
}

/** What is between two parentheses, or the statement. */
export interface Frame {
  readonly outer: Frame | undefined;
  clause: Clause;
  /** A table or a derived one comes next. */
  awaitsTable: boolean;
  /** FROM is part of a function, as in `extract(epoch FROM …)`. */
  readonly isFunction: boolean;
  readonly isExists: boolean;
  isQuery: boolean;
  aggregates: boolean;
  readonly tables: string[];
  readonly references: Reference[];
  /** The last parentheses in it. */
  inner: Frame | undefined;
  item: number;
}

export function frameIn(outer: Frame | undefined, clause: Clause, isFunction = false, isExists = false): Frame {
  const rest = { awaitsTable: false, isQuery: false, aggregates: false, inner: undefined, item: 0 };
  return { outer, clause, isFunction, isExists, ...rest, tables: [], references: [] };
}

/** The query that a frame is part of. */
export function queryOf(frame: Frame): Frame {
  let at = frame;
  while (!at.isQuery && at.outer) at = at.outer;
  return at;
}

export function unique(names: readonly string[]): string[] {
  return [...new Set(names)];
}
