import type { Condition, RowKey, SeenAnswer, StatementKind, Touch } from '../model/seen.ts';
import { isKeyColumn } from './catalogue.ts';

/** Which rows a statement touched: those that its answer names, else those that its literals name. */
export function touchesOf(
  kind: StatementKind,
  conditions: readonly Condition[],
  answer: SeenAnswer | undefined,
): readonly Touch[] {
  const { verb, target, locks } = kind;
  const answered = answer?.keys ?? [];
  const touches: Touch[] = [];
  const named = (relation: string, clause: Condition['clause'] = 'where') => {
    const rows = answered.filter((row) => row.relation === relation);
    const byLiterals = keysOf(conditions, relation, clause);
    if (rows.length === 0) return byLiterals;
    // Of an INSERT the answer has the id, and the literals have the names.
    if (clause === 'set' && rows.length === byLiterals.length)
      return rows.map((row, i) => ({ relation, columns: { ...byLiterals[i]?.columns, ...row.columns } }));
    return rows;
  };
  const add = (mode: Touch['mode'], rows: readonly RowKey[]) => touches.push(...rows.map((row) => ({ mode, row })));
  if (target !== undefined) {
    const mode = verb === 'insert' || verb === 'delete' ? verb : 'write';
    add(mode, named(target, verb === 'insert' ? 'set' : 'where'));
  }
  for (const relation of kind.tables) {
    if (relation === target) continue;
    add(locks.includes(relation) ? 'lock' : 'read', named(relation));
  }
  return touches;
}

const NAMES_ROWS = new Set(['=', 'in', 'row in']);

/** Rows by the literals that their key columns are given or compared with. */
function keysOf(conditions: readonly Condition[], relation: string, clause: Condition['clause']): RowKey[] {
  const keys = conditions.filter(
    (one) =>
      one.relation === relation &&
      one.clause === clause &&
      isKeyColumn(one.column) &&
      NAMES_ROWS.has(one.operator) &&
      one.values.some((value) => value !== null),
  );
  if (keys.length === 0) return [];
  // Values that belong together, row by row; of two lists that do not, only the first one names rows.
  const list = keys.find(({ values }) => values.length > 1);
  const count = list?.values.length ?? 1;
  const isTogether = (one: Condition) => one === list || (one.operator !== 'in' && one.values.length === count);
  const used = keys.filter((one) => one.values.length === 1 || isTogether(one));
  return Array.from({ length: count }, (_, i) => {
    const columns: Record<string, string> = {};
    for (const { column, values } of used) {
      const value = values[values.length === 1 ? 0 : i];
      if (value !== null && value !== undefined) columns[column] = value;
    }
    return { relation, columns };
  });
}
