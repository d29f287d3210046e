import { columnOf, relationOf } from '../../model/airflow/names.ts';
import type { Condition, StatementKind } from '../../model/seen.ts';
import type { Literal, StatementText } from './literals.ts';
import { parse, type SlotCondition } from './parse.ts';

/** What is known of all statements that differ in nothing but their literals. */
interface Shape {
  readonly kind: StatementKind;
  readonly conditions: readonly SlotCondition[];
}

/** Shapes that are remembered; lists of every length are shapes of their own. */
const MOST_SHAPES = 4_000;
/** A longer one, of hundreds of rows, does not come again. */
const REMEMBERED_CHARACTERS = 20_000;

const shapes = new Map<string, Shape>();
/** Each kind is one object, however its statements were written. */
const kinds = new Map<string, StatementKind>();

export function kindOf(statement: StatementText): StatementKind {
  return shapeOf(statement).kind;
}

/** What the statement's literals and parameters stand beside; `parameters`: as text. */
export function conditionsOf(statement: StatementText, parameters: readonly (string | null)[]): Condition[] {
  const { literals } = statement;
  const literalOf = (literal: Literal | undefined) =>
    typeof literal === 'number' ? (parameters[literal - 1] ?? null) : (literal ?? null);
  return shapeOf(statement).conditions.map(({ clause, table, column, operator, slots }) => ({
    clause,
    relation: relationOf(table),
    column: columnOf(column),
    operator,
    values: slots.map((slot) => literalOf(literals[slot])),
  }));
}

function shapeOf(statement: StatementText): Shape {
  const { shape } = statement;
  const known = shapes.get(shape);
  if (known) return known;
  const { conditions, ...parsed } = parse(statement);
  const text = foldedText(shape);
  const names = (some: readonly string[]) => [...new Set(some.map(relationOf))];
  const where = parsed.where.map((name) => {
    const [table = '', column = ''] = name.split('.');
    return `${relationOf(table)}.${columnOf(column)}`;
  });
  const kind = kinds.get(text) ?? {
    ...parsed,
    text,
    tables: names(parsed.tables),
    ...(parsed.target === undefined ? {} : { target: relationOf(parsed.target) }),
    locks: names(parsed.locks),
    counted: names(parsed.counted),
    set: parsed.set.map(columnOf).sort(),
    where: where.sort(),
  };
  kinds.set(text, kind);
  const made = { kind, conditions };
  if (shapes.size >= MOST_SHAPES) shapes.clear();
  if (shape.length <= REMEMBERED_CHARACTERS) shapes.set(shape, made);
  return made;
}

const PARENTHESES = /\((?:[^()]|\([^()]*\))*\)/.source;
const CAST = /\?::[\w.]+(?: with(?:out)? time zone)?(?:\(\?\))?(?:\[\])?/gi;
const ROWS = new RegExp(`(${PARENTHESES})(?:, ?${PARENTHESES})+`, 'g');

/** Lists and rows of one, and columns in order: processes write them in orders of their own. */
function foldedText(shape: string): string {
  return shape
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/\b(sa_savepoint_)\d+/g, '$1?')
    .replace(CAST, '?')
    .replace(/\?(?:, ?\?)+/g, '?')
    .replace(/(\bVALUES |\bIN \()(.*)/gi, (_, begin: string, rest: string) => begin + rest.replace(ROWS, '$1'))
    .replace(/^(SELECT (?:DISTINCT )?)(.+?)(?= FROM )/i, (_, begin: string, list: string) => begin + inOrder(list))
    .replace(
      /^(UPDATE \S+ SET )(.+?)(?= WHERE | FROM | RETURNING |$)/i,
      (_, begin: string, list: string) => begin + inOrder(list),
    );
}

function inOrder(list: string): string {
  const items: string[] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at < list.length; at++) {
    const sign = list[at];
    if (sign === '(') depth++;
    else if (sign === ')') depth--;
    else if (sign === ',' && depth === 0) {
      items.push(list.slice(from, at).trim());
      from = at + 1;
    }
  }
  // A query among them: its FROM ended the list.
  if (depth !== 0) return list;
  return [...items, list.slice(from).trim()].sort().join(', ');
}
