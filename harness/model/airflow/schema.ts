import { listed } from '../listed.ts';
import { COPIED_FORMS, type CopyForm, type Form, ROW_A_TRY, WATCHED_FORMS } from './forms.ts';

/**
 * Where each release of Airflow keeps what a run records: the only place that knows Airflow's tables. Which of it a
 * stack has is read from its database (`recognise`), not from its version: a checkout, a beta and a target say best
 * themselves what they are. In the run folder everything has one name, whatever the release.
 */

export type WatchedName = keyof typeof WATCHED_FORMS;
export type CopiedName = keyof typeof COPIED_FORMS;

export const WATCHED_NAMES = Object.keys(WATCHED_FORMS) as WatchedName[];
export const COPIED_NAMES = Object.keys(COPIED_FORMS) as CopiedName[];

/** Every table that some release has, of those that are recorded: what an installation may have a trigger on. */
export const WATCHED_TABLES: readonly string[] = tablesOf(WATCHED_FORMS);
/** Every table that `recognise` looks for. */
export const KNOWN_TABLES: readonly string[] = [...new Set([...WATCHED_TABLES, ...tablesOf(COPIED_FORMS)])];

function tablesOf(forms: Readonly<Record<string, readonly Form[]>>): string[] {
  return [...new Set(Object.values(forms).flatMap((some) => some.map(({ table }) => table)))];
}

/** What is recorded of its changes on some release, by the names of the run folder. */
export function watchedColumns(name: WatchedName): string[] {
  const forms: readonly Form[] = WATCHED_FORMS[name];
  return [...new Set(forms.flatMap(({ needs, wants = {} }) => [...Object.keys(needs), ...Object.keys(wants)]))];
}

/** Newest first. */
export function tablesOfRelation(name: WatchedName): string[] {
  return [...new Set(WATCHED_FORMS[name].map(({ table }) => table))];
}

/** A table of this stack of which changes are recorded. */
export interface WatchedTable {
  /** `commits.relation`. */
  readonly name: WatchedName;
  readonly table: string;
  /** Names in the run folder by the columns that are read. */
  readonly columns: ReadonlyMap<string, string>;
  readonly owner: string | undefined;
  /** Whether it is recorded on stacks of our own alone. */
  readonly isAlone: boolean;
}

/** A table of this stack that is copied in the end. */
export interface CopiedTable {
  /** Of `final_<name>`. */
  readonly name: CopiedName;
  readonly table: string;
  /** Names in the run folder of the columns that have another in this release. */
  readonly renamed: ReadonlyMap<string, string>;
  /** What is selected `FROM`: the table as `t` and, where it has no names of its own, the task instance as `o`. */
  readonly from: string;
  /** Names of the task instance, where they come from there. */
  readonly names: readonly string[];
  /** Whether a row is copied: SQL with the ids of the run's DAGs as `$1`. */
  where(isShared: boolean): string;
  /** The tables that must be readable. */
  readonly reads: readonly string[];
}

/** What this stack does not have, or not as any release that is known. */
export interface Unrecorded {
  /** What the judge looks for in what an invariant reads: a relation, a column, `final_xcom`. */
  readonly what: string;
  /** Without a full stop. */
  readonly why: string;
}

/** What the reason of an `unknown` begins with, where a release does not have what was to be recorded. */
export const NOT_RECORDED = 'not recorded on';

/** `release`: `3.5.0`, or the name of a build or target. Without a full stop. */
export function notRecorded({ what, why }: Unrecorded, release: string): string {
  return `${NOT_RECORDED} ${release}: ${what} (${why})`;
}

export interface AirflowSchema {
  readonly watched: readonly WatchedTable[];
  readonly copied: readonly CopiedTable[];
  readonly unrecorded: readonly Unrecorded[];
  /** Whether each try of a task has a row, and its rendered fields and results belong to it (3.4). */
  readonly rowATry: boolean;
  /** The column of `task_instance` with the map index. */
  readonly mapIndex: string;
}

/** A table as the database has it. */
export interface FoundTable {
  readonly columns: ReadonlySet<string>;
  /** Columns of its primary key; none without one. */
  readonly key: readonly string[];
}

/** What is recorded of changes, on a stack of our own (`isAlone`) or on one that others use, too. */
export function watchedOn({ watched }: AirflowSchema, isAlone: boolean): WatchedTable[] {
  return watched.filter((table) => isAlone || !table.isAlone);
}

/** `found`: those of `KNOWN_TABLES` that the database has. */
export function recognise(found: ReadonlyMap<string, FoundTable>): AirflowSchema {
  const unrecorded: Unrecorded[] = [];
  const watched = WATCHED_NAMES.flatMap((name): WatchedTable[] => {
    const forms: readonly Form[] = WATCHED_FORMS[name];
    const form = forms.find((one) => fits(one, found));
    if (!form) {
      unrecorded.push({ what: name, why: whyNot(forms, found) });
      return [];
    }
    const { columns: there, key } = found.get(form.table) ?? NOTHING;
    if (key.length === 0) {
      unrecorded.push({ what: name, why: `the table ${form.table} has no primary key` });
      return [];
    }
    const wanted = Object.entries(form.wants ?? {});
    for (const [what, column] of wanted.filter(([, column]) => !there.has(column)))
      if (what !== 'region_id') unrecorded.push({ what, why: `the table ${form.table} has no column ${column}` });
    const read = [...Object.entries(form.needs), ...wanted.filter(([, column]) => there.has(column))];
    return [
      {
        name,
        table: form.table,
        // While only some of its columns are published, PostgreSQL refuses changes of a table unless its key is.
        columns: new Map([
          ...key.map((column) => [column, column] as const),
          ...read.map(([as, column]) => [column, as] as const),
        ]),
        owner: form.owner,
        isAlone: form.alone === true,
      },
    ];
  });
  const copied = COPIED_NAMES.flatMap((name): CopiedTable[] => {
    const forms: readonly CopyForm[] = COPIED_FORMS[name];
    const form = forms.find((one) => fits(one, found));
    if (!form) {
      unrecorded.push({ what: `final_${name}`, why: whyNot(forms, found) });
      return [];
    }
    return [copyOf(name, form)];
  });
  const tasks = watched.find(({ name }) => name === 'task_instance');
  const mapIndex = [...(tasks?.columns ?? [])].find(([, as]) => as === 'map_index')?.[0] ?? 'map_index';
  return { watched, copied, unrecorded, rowATry: tasks?.columns.has('working_set') === true, mapIndex };
}

/**
 * The task instances that are not over, of DAGs with ids that begin with `$1`: rows of the stream that belong to one
 * that is older than the stream have its id alone. Undefined where rows have names of their own.
 */
export function ownersSql({ watched, mapIndex }: AirflowSchema): string | undefined {
  if (watched.every(({ owner }) => owner === undefined)) return undefined;
  return `
    SELECT id::text AS id, dag_id, run_id, task_id, ${mapIndex} AS map_index FROM public.task_instance
     WHERE dag_id IN (SELECT dag_id FROM public.dag WHERE starts_with(dag_id, $1))
       AND (state IS NULL OR state NOT IN ('success', 'failed', 'skipped', 'upstream_failed', 'removed'))`;
}

const NOTHING: FoundTable = { columns: new Set(), key: [] };

function copyOf(name: CopiedName, form: CopyForm): CopiedTable {
  const { table, needs, owner, where, reads = [], ours = `${owner ? 'o' : 't'}.dag_id = ANY ($1)` } = form;
  const oursAlone = form.oursAlone ?? ours;
  return {
    name,
    table,
    renamed: new Map(Object.entries(needs).flatMap(([as, column]) => (as === column ? [] : [[column, as] as const]))),
    from: `public."${table}" t${owner ? ` JOIN public.task_instance o ON o.id = t.${owner}` : ''}`,
    names: owner ? ['o.dag_id', 'o.run_id', 'o.task_id', `o.${ROW_A_TRY.map_index} AS map_index`] : [],
    where: (isShared) => [isShared ? ours : oursAlone, ...(where ? [where] : [])].join(' AND '),
    reads: [table, ...(owner ? ['task_instance'] : []), ...reads],
  };
}

function fits({ table, needs, unless = [] }: Form, found: ReadonlyMap<string, FoundTable>): boolean {
  const there = found.get(table)?.columns;
  return (
    there !== undefined &&
    Object.values(needs).every((column) => there.has(column)) &&
    !unless.some((column) => there.has(column))
  );
}

function whyNot(forms: readonly Form[], found: ReadonlyMap<string, FoundTable>): string {
  const tables = [...new Set(forms.map(({ table }) => table))];
  const near = forms.find(({ table }) => found.has(table));
  if (!near) return `there is no table ${tables.join(' or ')}`;
  const missing = Object.values(near.needs).filter((column) => !found.get(near.table)?.columns.has(column));
  return missing.length > 0
    ? `the table ${near.table} has no column ${listed(missing)}`
    : `the table ${near.table} is not as in any release that is known`;
}
