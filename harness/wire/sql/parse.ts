import type { StatementKind, Verb } from '../../model/seen.ts';
import { type Frame, frameIn, queryOf, type Reference, unique } from './frames.ts';
import { NO_TOKEN, slotsIn, type Token, tokensOf } from './tokens.ts';
import { transactionVerb } from './transactions.ts';
import { AGGREGATES, CLAUSES, FUNCTIONS_WITH_FROM, isKeyword, isLockMode, lockClause, OPERATORS } from './words.ts';

interface Found {
  readonly reference: Reference;
  readonly clause: 'set' | 'where';
  readonly operator: string;
  readonly slots: readonly number[];
}

/** A column by the places of the literals beside it; -1 for a value that is none. */
export interface SlotCondition {
  readonly clause: 'set' | 'where';
  readonly table: string;
  readonly column: string;
  readonly operator: string;
  readonly slots: readonly number[];
}

export interface Parsed extends Omit<StatementKind, 'text'> {
  readonly conditions: readonly SlotCondition[];
}

const NOTHING = { tables: [], locks: [], counted: [], set: [], where: [], upserts: false, conditions: [] };

/** Reads one statement without literals. What it does not understand, it passes over. */
export function parse(shape: string): Parsed {
  const tokens = tokensOf(shape);
  const ofTransaction = transactionVerb(tokens.map(({ text }) => text));
  return ofTransaction ? { ...NOTHING, ...ofTransaction } : new Parser(tokens).parse();
}

class Parser {
  readonly #tokens: readonly Token[];
  #frame: Frame = frameIn(undefined, 'start');
  readonly #aliases = new Map<string, string>();
  /** Names of common table expressions and derived tables: no tables. */
  readonly #derived = new Set<string>();
  #verb: Verb = 'other';
  #target: string | undefined;
  #upserts = false;
  readonly #tables: string[] = [];
  readonly #counted: string[] = [];
  readonly #set: string[] = [];
  readonly #where: Reference[] = [];
  readonly #found: Found[] = [];
  readonly #locks: string[] = [];
  #lockMode: string | undefined;
  #waits: 'skip locked' | 'nowait' | undefined;
  /** Of an INSERT: its columns, the rows of its VALUES, and which of their values each column gets. */
  readonly #columns: string[] = [];
  readonly #rows: number[][] = [];
  readonly #order = new Map<number, number>();

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  parse(): Parsed {
    for (let i = 0; i < this.#tokens.length; i++) i = this.#read(i);
    while (this.#frame.outer) this.#close();
    this.#noteCounted(this.#frame);
    const target = this.#target;
    const conditions = [...this.#inserted(), ...this.#found.flatMap((found) => this.#conditionOf(found))];
    const others = this.#tables.filter((table) => table !== target);
    return {
      verb: this.#verb,
      tables: unique(target === undefined ? others : [target, ...others]),
      ...(target === undefined ? {} : { target }),
      locks: unique(this.#locks.map((name) => this.#aliases.get(name) ?? name)),
      ...(this.#lockMode === undefined ? {} : { lockMode: this.#lockMode }),
      ...(this.#waits === undefined ? {} : { waits: this.#waits }),
      counted: unique(this.#counted),
      set: unique(this.#set),
      where: unique(this.#where.map((one) => this.#nameOf(one)).filter((name) => name !== '')),
      upserts: this.#upserts,
      conditions,
    };
  }

  /** Returns the place of the last token that it read. */
  #read(i: number): number {
    const token = this.#at(i);
    const frame = this.#frame;
    if (token.text === '(' && !token.isWord) return this.#open(i);
    if (token.text === ')') {
      this.#close();
      return i;
    }
    if (token.text === ',') {
      if (frame.clause === 'from' && (frame.isQuery || !frame.outer)) frame.awaitsTable = true;
      frame.item++;
      return i;
    }
    if (token.slot >= 0 && frame.clause === 'row' && frame.outer?.clause === 'values') {
      const isWhole = /^[,)]$/.test(this.#at(i + 1).text) && /^[,(]$/.test(this.#at(i - 1).text);
      const row = this.#rows.at(-1);
      if (row && isWhole) row[frame.item] = token.slot;
      return i;
    }
    return token.isWord ? this.#word(i, token, frame) : i;
  }

  #word(i: number, { text, isQuoted }: Token, frame: Frame): number {
    const before = this.#at(i - 1).text;
    if (frame.awaitsTable && !isKeyword(this.#at(i))) return this.#table(i, frame);
    if (isQuoted || frame.clause === 'columns') return this.#name(i, frame);
    switch (text) {
      case 'select':
        if (!frame.outer) this.#verb = this.#verb === 'other' ? 'select' : this.#verb;
        frame.clause = 'select';
        frame.isQuery = true;
        frame.awaitsTable = false;
        frame.item = 0;
        return i;
      case 'insert':
      case 'delete':
        if (!frame.outer) this.#verb = text;
        return i;
      case 'into':
        frame.clause = 'into';
        frame.awaitsTable = true;
        return i;
      case 'from':
        if (frame.isFunction || before === 'distinct') return i;
        frame.clause = 'from';
        frame.awaitsTable = true;
        return i;
      case 'join':
        frame.clause = 'from';
        frame.awaitsTable = true;
        return i;
      case 'using':
        if (this.#at(i + 1).text === '(') return i;
        frame.clause = 'from';
        frame.awaitsTable = true;
        return i;
      case 'update':
        if (before === 'do') this.#upserts = true;
        else if (!frame.outer) this.#verb = 'update';
        frame.awaitsTable = before !== 'do';
        return i;
      case 'for':
        return isLockMode(this.#at(i + 1).text) ? this.#lock(i + 1, frame) : i;
      case 'with':
        if (i === 0) frame.clause = 'with';
        return i;
      case 'as':
        // Of CAST (x AS type), and a label; that of a table is read with it.
        return frame.clause === 'with' ? i : i + (this.#at(i + 1).isWord ? 1 : 0);
      case 'set':
        frame.clause = 'set';
        return i;
      case 'values':
        frame.clause = 'values';
        return i;
      default:
    }
    const clause = CLAUSES[text];
    if (clause !== undefined) {
      if (before === 'distinct') return i;
      // ON CONFLICT is no condition.
      frame.clause = text === 'on' && this.#at(i + 1).text === 'conflict' ? 'other' : clause;
      frame.awaitsTable = false;
      return i;
    }
    if (text === 'in' && before === ')') return this.#tuples(i, frame);
    return isKeyword(this.#at(i)) ? i : this.#name(i, frame);
  }

  /** A table, with its alias. */
  #table(i: number, frame: Frame): number {
    let at = i;
    while (this.#at(at + 1).text === '.') at += 2;
    const table = this.#at(at).text;
    frame.awaitsTable = false;
    // A function that returns rows.
    if (this.#at(at + 1).text === '(' && frame.clause !== 'into') return at;
    const isTarget = frame.clause === 'into' || (!frame.outer && this.#target === undefined && this.#verb !== 'select');
    if (this.#at(at + 1).text === 'as') at++;
    const next = this.#at(at + 1);
    const hasAlias = next.isWord && !isKeyword(next) && frame.clause !== 'into';
    if (!this.#derived.has(table)) {
      this.#tables.push(table);
      frame.tables.push(table);
      if (isTarget && this.#verb !== 'other') this.#target ??= table;
      this.#aliases.set(hasAlias ? next.text : table, table);
    }
    return hasAlias ? at + 1 : at;
  }

  #open(i: number): number {
    const outer = this.#frame;
    const before = this.#at(i - 1);
    const isCall = before.isWord && (!isKeyword(before) || before.text === 'exists');
    if (isCall && outer.clause === 'select' && AGGREGATES.has(before.text)) queryOf(outer).aggregates = true;
    const clause = outer.clause === 'into' ? 'columns' : outer.clause === 'values' ? 'row' : outer.clause;
    const isInFunction = isCall && FUNCTIONS_WITH_FROM.has(before.text);
    this.#frame = frameIn(outer, clause, isInFunction, before.text === 'exists');
    this.#frame.awaitsTable = outer.awaitsTable;
    if (outer.clause === 'values') this.#rows.push([]);
    return i;
  }

  #close(): void {
    const frame = this.#frame;
    const { outer } = frame;
    if (!outer) return;
    this.#noteCounted(frame);
    outer.inner = frame;
    // What a subquery reads is not what is locked or meant without a qualifier outside of it.
    if (!frame.isQuery) outer.tables.push(...frame.tables);
    if (frame.clause === 'columns') outer.clause = 'other';
    this.#frame = outer;
    if (outer.awaitsTable) outer.awaitsTable = false;
  }

  #noteCounted(frame: Frame): void {
    if (frame.aggregates || (frame.isExists && frame.isQuery)) this.#counted.push(...frame.tables);
  }

  /** A column, a function, an alias of what is derived, or the name of a common table expression. */
  #name(i: number, frame: Frame): number {
    const next = this.#at(i + 1).text;
    const { text } = this.#at(i);
    if (frame.clause === 'with') {
      if (!frame.outer) this.#derived.add(text);
      return i;
    }
    // A function, or a literal's type.
    if (next === '(' || this.#at(i + 1).slot >= 0) return i;
    const isQualified = next === '.' && this.#at(i + 2).isWord;
    const reference: Reference = isQualified
      ? { qualifier: text, column: this.#at(i + 2).text, frame }
      : { qualifier: undefined, column: text, frame };
    const end = isQualified ? i + 2 : i;
    frame.references.push(reference);
    if (frame.clause === 'columns') this.#columns.push(text);
    if (frame.clause === 'select') {
      const [, number] = /^p(\d+)$/.exec(text) ?? [];
      if (number !== undefined) this.#order.set(queryOf(frame).item, Number(number));
    }
    if (frame.clause === 'set' && /^(set|,)$/.test(this.#at(i - 1).text) && this.#at(end + 1).text === '=') {
      this.#set.push(reference.column);
      const { slot } = this.#at(end + 2);
      if (slot >= 0) this.#found.push({ reference, clause: 'set', operator: '=', slots: [slot] });
    }
    if (frame.clause === 'where') {
      this.#where.push(reference);
      this.#compared(end + 1, reference);
    }
    return end;
  }

  /** What a column is compared with, where that is literals. */
  #compared(i: number, reference: Reference): void {
    const isNot = this.#at(i).text === 'not';
    const at = isNot ? i + 1 : i;
    const operator = this.#at(at).text;
    const add = (slots: readonly number[]) => {
      if (slots.length === 0) return;
      this.#found.push({ reference, clause: 'where', operator: isNot ? `not ${operator}` : operator, slots });
    };
    if (operator === 'in' && this.#at(at + 1).text === '(') add(slotsIn(this.#tokens, at + 1));
    else if (OPERATORS.has(operator)) {
      const { slot, text } = this.#at(at + 1);
      if (slot >= 0) add([slot]);
      else if (text === 'any' && this.#at(at + 2).text === '(') add(slotsIn(this.#tokens, at + 2));
    }
  }

  /** `(a, b) IN ((…), (…))`. */
  #tuples(i: number, frame: Frame): number {
    const columns = frame.inner?.references ?? [];
    const slots = this.#at(i + 1).text === '(' ? slotsIn(this.#tokens, i + 1) : [];
    if (columns.length < 2 || slots.length % columns.length !== 0) return i;
    for (const [place, reference] of columns.entries()) {
      const own = slots.filter((_, j) => j % columns.length === place);
      this.#found.push({ reference, clause: 'where', operator: 'row in', slots: own });
    }
    return i;
  }

  #lock(i: number, frame: Frame): number {
    const { mode, of, waits, end } = lockClause(this.#tokens, i);
    this.#lockMode = mode;
    this.#locks.push(...(of.length > 0 ? of : frame.tables));
    this.#waits = waits ?? this.#waits;
    return end;
  }

  #inserted(): SlotCondition[] {
    const table = this.#target;
    if (this.#verb !== 'insert' || table === undefined) return [];
    this.#set.unshift(...this.#columns);
    return this.#columns.flatMap((column, place): SlotCondition[] => {
      const from = this.#order.size > 0 ? this.#order.get(place) : place;
      if (this.#rows.length === 0 || from === undefined) return [];
      const slots = this.#rows.map((row) => row[from] ?? -1);
      return [{ clause: 'set', table, column, operator: '=', slots }];
    });
  }

  #conditionOf({ reference, ...found }: Found): SlotCondition[] {
    const table = this.#tableOf(reference);
    return table === undefined ? [] : [{ ...found, table, column: reference.column }];
  }

  #nameOf(reference: Reference): string {
    const table = this.#tableOf(reference);
    return table === undefined ? '' : `${table}.${reference.column}`;
  }

  #tableOf({ qualifier, frame }: Reference): string | undefined {
    if (qualifier !== undefined) return this.#aliases.get(qualifier);
    for (let at: Frame | undefined = frame; at; at = at.outer) if (at.tables[0] !== undefined) return at.tables[0];
    return undefined;
  }

  #at(i: number): Token {
    return this.#tokens[i] ?? NO_TOKEN;
  }
}
