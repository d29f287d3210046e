import type { RowKey, Seen, StatementKind } from '../model/seen.ts';
import { type Access, type Point, RELATIONS_BY_WORD } from './steps.ts';

/** What is known of the rows of a task or a run of the script, so that a statement can be recognised as being of it. */
export interface SubjectKeys {
  readonly dagId: string;
  readonly run: string;
  /** Undefined: the whole run. */
  readonly task: string | undefined;
  /** Of its task instances, those of earlier tries included. */
  readonly tiIds: ReadonlySet<string>;
  /** Of the row of the run. */
  readonly runKey: string | undefined;
}

export type SubjectOf = (name: string) => readonly SubjectKeys[];

/** Whether a statement is at this point. For `after` its answer must be there. */
export function isAt(point: Point, seen: Seen, subjectOf: SubjectOf): boolean {
  const { what, having } = point;
  if (having !== null && !seen.before.some((earlier) => isAccess(having, earlier, subjectOf))) return false;
  if (what === 'commit') return seen.kind.verb === 'commit';
  if (!isAccess(what, seen, subjectOf)) return false;
  const before = what.nth === 1 ? 0 : seen.before.filter((earlier) => isAccess(what, earlier, subjectOf)).length;
  return before === what.nth - 1;
}

function isAccess(access: Access, seen: Seen, subjectOf: SubjectOf): boolean {
  const { act, table, detail, of } = access;
  const relation = RELATIONS_BY_WORD[table];
  if (!acts(act, relation, seen.kind)) return false;
  if (detail !== null && !isNamed(detail, act, relation, seen)) return false;
  return of === null || subjectOf(of).some((subject) => concerns(seen, subject));
}

function acts(act: Access['act'], relation: string, kind: StatementKind): boolean {
  switch (act) {
    case 'read':
      return kind.verb === 'select' && kind.tables.includes(relation) && !kind.counted.includes(relation);
    case 'count':
      return kind.counted.includes(relation);
    case 'lock':
      return kind.locks.includes(relation);
    case 'write':
      return (kind.verb === 'update' || kind.verb === 'insert') && kind.target === relation;
    case 'insert':
    case 'delete':
      return kind.verb === act && kind.target === relation;
    default:
      throw new Error(`unknown act ${JSON.stringify(act satisfies never)}`);
  }
}

/** A column or a value: of a condition where rows are read, else of what is set. */
function isNamed(detail: string, act: Access['act'], relation: string, { kind, conditions }: Seen): boolean {
  const isSet = act === 'write' || act === 'insert';
  if (isSet ? kind.set.includes(detail) : kind.where.includes(`${relation}.${detail}`)) return true;
  return conditions.some(({ clause, values }) => (clause === 'set') === isSet && values.includes(detail));
}

function concerns({ touches, text, conditions }: Seen, subject: SubjectKeys): boolean {
  const { dagId, run, task, tiIds } = subject;
  if (touches.some(({ row }) => isRowOf(row, subject))) return true;
  // Also as one of an array that is a parameter.
  const isNamedIn = (id: string) =>
    text.includes(id) || conditions.some(({ values }) => values.some((value) => value?.includes(id)));
  for (const id of tiIds) if (isNamedIn(id)) return true;
  // Of a statement on many rows at once not each names its row in a way of its own.
  const isNamedAs = (column: string, name: string) =>
    text.includes(`'${name}'`) ||
    conditions.some(
      (one) => one.column === column && one.values.some((value) => value?.split(/[{},"]/).includes(name)),
    );
  return isNamedAs('dag_id', dagId) && isNamedAs('run_id', run) && (task === undefined || isNamedAs('task_id', task));
}

function isRowOf({ relation, columns }: RowKey, { dagId, run, task, tiIds, runKey }: SubjectKeys): boolean {
  const { id, dag_id, run_id, task_id, ti_id, task_instance_id, dag_run_id } = columns;
  const ofTask = relation === 'task_instance' ? id : (ti_id ?? task_instance_id);
  if (ofTask !== undefined && tiIds.has(ofTask)) return true;
  if (task === undefined) {
    const ofRun = relation === 'dag_run' ? id : dag_run_id;
    if (runKey !== undefined && ofRun === runKey) return true;
    return dag_id === dagId && run_id === run;
  }
  return dag_id === dagId && run_id === run && task_id === task;
}
