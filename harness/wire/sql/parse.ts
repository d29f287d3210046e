import {
  type A_Expr,
  type DeleteStmt,
  type InsertStmt,
  type LockingClause,
  loadModule,
  type Node,
  parseSync,
  type RangeVar,
  type SelectStmt,
  type UpdateStmt,
  type WithClause,
} from 'libpg-query';

import type { StatementKind, Verb } from '../../model/seen.ts';
import type { StatementText } from './literals.ts';
import { Scope } from './scope.ts';
import { columnIn, elementsOf, namesIn, targetName, transactionOf, valueRows, withoutCast } from './tree.ts';

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

const NOTHING = {
  verb: 'other',
  tables: [],
  locks: [],
  counted: [],
  set: [],
  where: [],
  upserts: false,
  conditions: [],
} as const;

const AGGREGATES = new Set(['count', 'sum', 'min', 'max', 'avg', 'bool_or', 'bool_and', 'array_agg']);

const LOCK_MODES: Readonly<Record<string, string>> = {
  LCS_FORUPDATE: 'update',
  LCS_FORNOKEYUPDATE: 'no key update',
  LCS_FORSHARE: 'share',
  LCS_FORKEYSHARE: 'key share',
};

const WAITS: Readonly<Record<string, 'skip locked' | 'nowait'>> = {
  LockWaitSkip: 'skip locked',
  LockWaitError: 'nowait',
};

/** Operators that are written as words. */
const WORDS: Readonly<Record<string, string>> = {
  '~~': 'like',
  '!~~': 'not like',
  '~~*': 'ilike',
  '!~~*': 'not ilike',
};

/** PostgreSQL's own parser: it must be there before the first statement is read. */
export const loadParser: () => Promise<void> = loadModule;

/** Reads one statement. Of one that PostgreSQL does not understand, nothing is known. */
export function parse(statement: Pick<StatementText, 'text' | 'places'>): Parsed {
  const [tree] = treeOf(statement.text);
  if (tree === undefined) return NOTHING;
  if ('TransactionStmt' in tree) return { ...NOTHING, ...transactionOf(tree.TransactionStmt) };
  return new Reading(statement).read(tree);
}

function treeOf(text: string): Node[] {
  try {
    return (parseSync(text).stmts ?? []).flatMap(({ stmt }) => stmt ?? []);
  } catch {
    return [];
  }
}

type Clause = 'select' | 'where' | 'other';

class Reading {
  /** Which literal begins at a byte of the text. */
  readonly #slots: ReadonlyMap<number, number>;
  #verb: Verb = 'other';
  #target: string | undefined;
  #upserts = false;
  readonly #tables: string[] = [];
  readonly #counted: string[] = [];
  readonly #set: string[] = [];
  readonly #where: string[] = [];
  readonly #conditions: SlotCondition[] = [];
  readonly #locks: string[] = [];
  #lockMode: string | undefined;
  #waits: 'skip locked' | 'nowait' | undefined;

  constructor({ text, places }: Pick<StatementText, 'text' | 'places'>) {
    const byteOf = (place: number) => Buffer.byteLength(text.slice(0, place));
    this.#slots = new Map(places.map((place, slot) => [byteOf(place), slot]));
  }

  read(tree: Node): Parsed {
    this.#statement(tree, undefined);
    const target = this.#target;
    return {
      verb: this.#verb,
      tables: unique(target === undefined ? this.#tables : [target, ...this.#tables]),
      ...(target === undefined ? {} : { target }),
      locks: unique(this.#locks),
      ...(this.#lockMode === undefined ? {} : { lockMode: this.#lockMode }),
      ...(this.#waits === undefined ? {} : { waits: this.#waits }),
      counted: unique(this.#counted),
      set: unique(this.#set),
      where: unique(this.#where),
      upserts: this.#upserts,
      conditions: this.#conditions,
    };
  }

  /** The statement, or one in a common table expression, which has a scope around it. */
  #statement(tree: Node, outer: Scope | undefined): void {
    const verb = (name: Verb) => {
      if (!outer) this.#verb = name;
    };
    if ('SelectStmt' in tree) {
      verb('select');
      this.#query(tree.SelectStmt, outer);
    } else if ('InsertStmt' in tree) {
      verb('insert');
      this.#insert(tree.InsertStmt, new Scope(outer));
    } else if ('UpdateStmt' in tree) {
      verb('update');
      this.#update(tree.UpdateStmt, new Scope(outer));
    } else if ('DeleteStmt' in tree) {
      verb('delete');
      this.#delete(tree.DeleteStmt, new Scope(outer));
    }
  }

  #query(select: SelectStmt, outer: Scope | undefined, isExists = false): void {
    const scope = new Scope(outer);
    this.#with(select.withClause, scope);
    for (const part of [select.larg, select.rarg]) if (part) this.#query(part, scope);
    for (const source of select.fromClause ?? []) this.#from(source, scope);
    this.#visit(select.targetList, scope, 'select');
    this.#visit([select.whereClause, select.havingClause], scope, 'where');
    const { valuesLists, groupClause, sortClause, limitCount, limitOffset, distinctClause } = select;
    this.#visit([valuesLists, groupClause, sortClause, limitCount, limitOffset, distinctClause], scope, 'other');
    for (const node of select.lockingClause ?? []) if ('LockingClause' in node) this.#lock(node.LockingClause, scope);
    if (isExists || scope.aggregates) this.#counted.push(...scope.tables);
  }

  #insert(insert: InsertStmt, scope: Scope): void {
    this.#with(insert.withClause, scope);
    const table = this.#write(insert.relation, scope);
    const columns = (insert.cols ?? []).map(targetName);
    const select = insert.selectStmt && 'SelectStmt' in insert.selectStmt ? insert.selectStmt.SelectStmt : undefined;
    const isTop = scope.outer === undefined;
    if (isTop) this.#set.push(...columns);
    const rows = select && valueRows(select);
    if (isTop && rows && rows.length > 0)
      for (const [i, column] of columns.entries()) {
        const slots = rows.map((row) => this.#slotOf(row[i]));
        this.#conditions.push({ clause: 'set', table, column, operator: '=', slots });
      }
    if (select) this.#query(select, scope);
    const conflict = insert.onConflictClause;
    if (!isTop || conflict?.action !== 'ONCONFLICT_UPDATE') return;
    this.#upserts = true;
    this.#assign(conflict.targetList, table, scope);
    this.#visit(conflict.whereClause, scope, 'where');
  }

  #update(update: UpdateStmt, scope: Scope): void {
    this.#with(update.withClause, scope);
    const table = this.#write(update.relation, scope);
    for (const source of update.fromClause ?? []) this.#from(source, scope);
    if (scope.outer === undefined) this.#assign(update.targetList, table, scope);
    else this.#visit(update.targetList, scope, 'other');
    this.#visit(update.whereClause, scope, 'where');
  }

  #delete(remove: DeleteStmt, scope: Scope): void {
    this.#with(remove.withClause, scope);
    this.#write(remove.relation, scope);
    for (const source of remove.usingClause ?? []) this.#from(source, scope);
    this.#visit(remove.whereClause, scope, 'where');
  }

  /** The table that is written. */
  #write(relation: RangeVar | undefined, scope: Scope): string {
    const table = relation?.relname ?? '';
    if (scope.outer === undefined) this.#target = table;
    if (relation) this.#table(relation, scope);
    return table;
  }

  #assign(targets: readonly Node[] | undefined, table: string, scope: Scope): void {
    for (const target of targets ?? []) {
      const column = targetName(target);
      this.#set.push(column);
      const slot = this.#slotOf('ResTarget' in target ? target.ResTarget.val : undefined);
      if (slot >= 0) this.#conditions.push({ clause: 'set', table, column, operator: '=', slots: [slot] });
      this.#visit(target, scope, 'other');
    }
  }

  #with(clause: WithClause | undefined, scope: Scope): void {
    for (const node of clause?.ctes ?? []) {
      if (!('CommonTableExpr' in node)) continue;
      const { ctename = '', ctequery } = node.CommonTableExpr;
      // Its own name too, for one that is recursive.
      scope.expressions.add(ctename);
      if (ctequery) this.#statement(ctequery, scope);
    }
  }

  #from(source: Node, scope: Scope): void {
    if ('RangeVar' in source) this.#table(source.RangeVar, scope);
    else if ('JoinExpr' in source) {
      const { larg, rarg, quals } = source.JoinExpr;
      for (const side of [larg, rarg]) if (side) this.#from(side, scope);
      this.#visit(quals, scope, 'where');
    } else {
      this.#visit(source, scope, 'other');
      if ('RangeSubselect' in source) scope.derive(source.RangeSubselect.alias?.aliasname);
      if ('RangeFunction' in source) scope.derive(source.RangeFunction.alias?.aliasname);
    }
  }

  #table({ relname = '', alias }: RangeVar, scope: Scope): void {
    const name = alias?.aliasname ?? relname;
    if (scope.isExpression(relname)) scope.derive(name);
    else {
      this.#tables.push(relname);
      scope.add(relname, name);
    }
  }

  #lock({ lockedRels, strength, waitPolicy }: LockingClause, scope: Scope): void {
    this.#lockMode = LOCK_MODES[strength ?? ''];
    this.#waits = WAITS[waitPolicy ?? ''] ?? this.#waits;
    const named = (lockedRels ?? []).flatMap((node) => ('RangeVar' in node ? (node.RangeVar.relname ?? []) : []));
    this.#locks.push(...(lockedRels ? named.flatMap((name) => scope.tableOf(name) ?? []) : scope.tables));
  }

  /** Everything below a part of the tree. */
  #visit(part: unknown, scope: Scope, clause: Clause): void {
    if (Array.isArray(part)) for (const one of part) this.#visit(one, scope, clause);
    else if (typeof part === 'object' && part !== null)
      for (const [key, child] of Object.entries(part))
        if (!this.#node({ [key]: child } as Node, scope, clause)) this.#visit(child, scope, clause);
  }

  /** Whether it has been seen to with all that is below it. */
  #node(node: Node, scope: Scope, clause: Clause): boolean {
    if ('SelectStmt' in node) this.#query(node.SelectStmt, scope);
    else if ('SubLink' in node) {
      const { subLinkType, subselect, testexpr } = node.SubLink;
      this.#visit(testexpr, scope, clause);
      if (subselect && 'SelectStmt' in subselect)
        this.#query(subselect.SelectStmt, scope, subLinkType === 'EXISTS_SUBLINK');
    } else {
      if ('ColumnRef' in node && clause === 'where') {
        const column = columnIn(node, scope);
        if (column) this.#where.push(`${column.table}.${column.column}`);
      } else if ('FuncCall' in node && clause === 'select') {
        const [name = ''] = namesIn(node.FuncCall.funcname).slice(-1);
        scope.aggregates ||= AGGREGATES.has(name);
      } else if ('A_Expr' in node && clause === 'where') this.#compared(node.A_Expr, scope);
      return false;
    }
    return true;
  }

  /** What a column is compared with, where that is literals. */
  #compared({ kind, name, lexpr, rexpr }: A_Expr, scope: Scope): void {
    const [sign = ''] = namesIn(name).slice(-1);
    const add = (node: Node | undefined, operator: string, values: readonly (Node | undefined)[]) => {
      const column = columnIn(node, scope);
      const slots = values.map((value) => this.#slotOf(value)).filter((slot) => slot >= 0);
      if (column && slots.length > 0) this.#conditions.push({ clause: 'where', ...column, operator, slots });
    };
    const operator = WORDS[sign] ?? sign;
    if (kind === 'AEXPR_OP' || kind === 'AEXPR_LIKE' || kind === 'AEXPR_ILIKE') add(lexpr, operator, [rexpr]);
    else if (kind === 'AEXPR_OP_ANY') add(lexpr, operator, elementsOf(rexpr) ?? [rexpr]);
    else if (kind === 'AEXPR_IN') {
      const items = elementsOf(rexpr) ?? [];
      const columns = lexpr && 'RowExpr' in lexpr ? (lexpr.RowExpr.args ?? []) : undefined;
      if (columns)
        for (const [i, one] of columns.entries())
          add(
            one,
            'row in',
            items.map((row) => elementsOf(row)?.[i]),
          );
      else add(lexpr, sign === '<>' ? 'not in' : 'in', items);
    }
  }

  /** Which literal a value is; -1 if it is none. */
  #slotOf(value: Node | undefined): number {
    const node = withoutCast(value);
    const location =
      node && 'A_Const' in node
        ? node.A_Const.location
        : node && 'ParamRef' in node
          ? node.ParamRef.location
          : undefined;
    return (location === undefined ? undefined : this.#slots.get(location)) ?? -1;
  }
}

function unique(names: readonly string[]): string[] {
  return [...new Set(names)];
}
