import { isAt, type SubjectOf } from '../director/points.ts';
import { type Access, type Point, RELATIONS_BY_WORD, SCRIPT_TABLES, type ScriptTable } from '../director/steps.ts';
import type { Seen } from '../model/seen.ts';

const ORDINALS = ['', '2nd ', '3rd ', '4th '];
/** Columns that say for what rows are looked for, or what a write is about; others are of every statement. */
const TELLING = ['dag_version_id', 'last_heartbeat_at', 'queued_dttm', 'completed_at', 'trigger_id', 'next_method'];

/** The names of a script, and what each stands for in the record: the most exact first. */
export interface Names {
  readonly names: readonly string[];
  readonly subjectOf: SubjectOf;
}

/**
 * What a script says to mean this statement: `2nd lock task_instance of d`. Undefined: no word of a script fits. The
 * director itself is asked whether it does.
 */
export function wordsOfAccess(seen: Seen, { names, subjectOf }: Names): string | undefined {
  // Without an ordinal it is the first that comes, however many there are.
  for (const of of [...names, null])
    for (const table of tablesOf(seen))
      for (const detail of detailsOf(seen, table))
        for (const nth of [4, 3, 2, 1]) {
          const what: Access = { act: actInTable(seen, table), table, detail, nth, of };
          const point: Point = { at: 'before', what, having: null };
          if (isAt(point, seen, subjectOf)) return accessWords(what);
        }
  return undefined;
}

function accessWords({ act, table, detail, nth, of }: Access): string {
  return `${ORDINALS[nth - 1]}${act} ${table}${detail === null ? '' : `(${detail})`}${of === null ? '' : ` of ${of}`}`;
}

/** Those that it is about first: what is written, then locked, then counted, then read. */
function tablesOf({ kind }: Seen): ScriptTable[] {
  const relations = [kind.target, ...kind.locks, ...kind.counted, ...kind.tables];
  const words = relations.flatMap(
    (relation) => SCRIPT_TABLES.find((word) => RELATIONS_BY_WORD[word] === relation) ?? [],
  );
  return [...new Set(words)];
}

function actInTable({ kind: { verb, target, locks, counted } }: Seen, table: ScriptTable): Access['act'] {
  const relation = RELATIONS_BY_WORD[table];
  if (target === relation) return verb === 'update' ? 'write' : verb === 'delete' ? 'delete' : 'insert';
  if (locks.includes(relation)) return 'lock';
  return counted.includes(relation) ? 'count' : 'read';
}

function detailsOf({ kind, conditions }: Seen, table: ScriptTable): (string | null)[] {
  const relation = RELATIONS_BY_WORD[table];
  if (kind.target === relation) {
    if (kind.verb !== 'update') return [null];
    const states = conditions.flatMap(({ clause, column, values }) =>
      clause === 'set' && column === 'state' ? values.filter((value) => value !== null) : [],
    );
    return [...states, ...TELLING.filter((column) => kind.set.includes(column)), null];
  }
  return [...TELLING.filter((column) => kind.where.includes(`${relation}.${column}`)), null];
}
