import type { Node, SelectStmt, TransactionStmt } from 'libpg-query';

import type { StatementKind, Verb } from '../../model/seen.ts';
import type { Scope } from './scope.ts';

const TRANSACTIONS: Readonly<Record<string, Verb>> = {
  TRANS_STMT_BEGIN: 'begin',
  TRANS_STMT_START: 'begin',
  TRANS_STMT_COMMIT: 'commit',
  TRANS_STMT_ROLLBACK: 'rollback',
  TRANS_STMT_SAVEPOINT: 'savepoint',
  TRANS_STMT_RELEASE: 'release',
  TRANS_STMT_ROLLBACK_TO: 'rollback to',
};

/** What a statement does to its transaction. */
export function transactionOf({
  kind,
  savepoint_name: savepoint,
}: TransactionStmt): Pick<StatementKind, 'verb' | 'savepoint'> {
  return { verb: TRANSACTIONS[kind ?? ''] ?? 'other', ...(savepoint ? { savepoint } : {}) };
}

/** The rows of an INSERT; those that SQLAlchemy orders by a counter come out of a query of them. */
export function valueRows({ valuesLists, targetList, fromClause }: SelectStmt): (readonly (Node | undefined)[])[] {
  if (valuesLists) return valuesLists.map((row) => elementsOf(row) ?? []);
  const [source] = fromClause ?? [];
  if (!source || !('RangeSubselect' in source)) return [];
  const { subquery, alias } = source.RangeSubselect;
  const rows = subquery && 'SelectStmt' in subquery ? valueRows(subquery.SelectStmt) : [];
  const names = namesIn(alias?.colnames);
  const order = (targetList ?? []).map((target) => {
    const value = 'ResTarget' in target ? withoutCast(target.ResTarget.val) : undefined;
    return names.indexOf(value && 'ColumnRef' in value ? (namesIn(value.ColumnRef.fields).at(-1) ?? '') : '');
  });
  return rows.map((row) => order.map((place) => row[place]));
}

export function elementsOf(node: Node | undefined): readonly Node[] | undefined {
  if (!node) return undefined;
  if ('List' in node) return node.List.items ?? [];
  if ('RowExpr' in node) return node.RowExpr.args ?? [];
  const array = withoutCast(node);
  return array && 'A_ArrayExpr' in array ? (array.A_ArrayExpr.elements ?? []) : undefined;
}

export function withoutCast(node: Node | undefined): Node | undefined {
  return node && 'TypeCast' in node ? withoutCast(node.TypeCast.arg) : node;
}

/** Undefined for a column of what is no table. */
export function columnIn(node: Node | undefined, scope: Scope): { table: string; column: string } | undefined {
  const reference = withoutCast(node);
  if (!reference || !('ColumnRef' in reference)) return undefined;
  const [column, qualifier] = namesIn(reference.ColumnRef.fields).reverse();
  const table = scope.tableOf(qualifier);
  return column === undefined || table === undefined ? undefined : { table, column };
}

export function targetName(target: Node): string {
  return 'ResTarget' in target ? (target.ResTarget.name ?? '') : '';
}

export function namesIn(nodes: readonly Node[] | undefined): string[] {
  return (nodes ?? []).flatMap((node) => ('String' in node ? (node.String.sval ?? []) : []));
}
