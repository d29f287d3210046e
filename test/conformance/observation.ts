export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** What one step of a dialogue saw, with everything masked that differs from one play to the next. */
export interface Step {
  readonly step: string;
  /** Which kind of request: `run`, `state`, `clear`; `rows` for a look into the database, `outcomes` for a race. */
  readonly route: string;
  readonly seen: Json;
  /** For a race: what a correct build may give. */
  readonly legal?: readonly string[];
}

/** Dialogue name → its steps. */
export type Observations = Readonly<Record<string, readonly Step[]>>;

/** Times that a dialogue sends lie before this one, and are compared; later ones are the server's clock. */
const KEPT_BEFORE = Date.parse('2026-06-01T00:00:00Z');
/** … or after this one: far enough ahead that nothing comes due. */
const KEPT_AFTER = Date.parse('2040-01-01T00:00:00Z');

const TIME = /\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d(?::?\d\d)?)?/g;
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const ERROR_ID = /(?<=when you look for ID )\w+$/;
/** Keys of numbers that count up over a whole database. */
const COUNTED = new Set(['id', 'backfill_id', 'dag_run_id_number']);

/** Replaces the names that a stack gave out (ids, run ids, DAG copies) by what they mean in the dialogue. */
export class Mask {
  readonly #names: (readonly [name: string, meaning: string])[] = [];

  add(name: string, meaning: string): void {
    this.#names.push([name, meaning]);
    // The longest first: a DAG's id may be the beginning of another's.
    this.#names.sort(([a], [b]) => b.length - a.length);
  }

  text(text: string): string {
    // pydantic's messages go on with their own version and the input.
    let [masked = ''] = text.split('\n');
    for (const [name, meaning] of this.#names) masked = masked.replaceAll(name, meaning);
    return masked.replace(UUID, '<uuid>').replace(TIME, maskTime).replace(ERROR_ID, '<error>');
  }

  json(value: unknown): Json {
    if (typeof value === 'string') return this.text(value);
    if (value === null || value === undefined) return null;
    if (typeof value === 'boolean' || typeof value === 'number') return value;
    if (value instanceof Date) return this.text(value.toISOString());
    if (Array.isArray(value)) return value.map((item) => this.json(item));
    const entries = Object.entries(value)
      .filter(([key]) => key !== 'correlation-id')
      .map(([key, item]): [string, Json] => [
        this.text(key),
        COUNTED.has(key) && typeof item === 'number'
          ? '<number>'
          : this.json(key === 'statement' ? opening(item) : item),
      ]);
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

function maskTime(text: string): string {
  const at = Date.parse(
    /(?:Z|[+-]\d\d(?::?\d\d)?)$/.test(text) ? text.replace(' ', 'T') : `${text.replace(' ', 'T')}Z`,
  );
  if (Number.isNaN(at)) return '<time>';
  return at < KEPT_BEFORE || at >= KEPT_AFTER ? new Date(at).toISOString() : '<time>';
}

/** A statement that a release shows in full, by its first words. */
function opening(statement: unknown): unknown {
  return typeof statement === 'string' ? statement.split(' ').slice(0, 3).join(' ') : statement;
}

/** The members of the union of end reports, as pydantic names them in its complaints. */
const END_REPORTS = new Set([
  '_other_',
  '_terminal_',
  'awaiting_input',
  'deferred',
  'success',
  'up_for_reschedule',
  'up_for_retry',
]);

/**
 * pydantic's complaints carry its own texts and the input: where and what is enough to compare. A body that fits no
 * member of a union is reported once for each of them, which says no more than that.
 */
export function complaints(detail: readonly unknown[]): string[] {
  const short = detail.map((item) => {
    const { loc = [], type = '?' } = item as { loc?: readonly unknown[]; type?: string };
    return { member: END_REPORTS.has(String(loc[1])) ? String(loc[1]) : undefined, text: `${loc.join('.')} ${type}` };
  });
  if (new Set(short.map(({ member }) => member)).size > 1) return ['body fits no end report'];
  return [...new Set(short.map(({ text }) => text))].sort();
}

/** In place of a value that one of the two does not give at all. */
export const ABSENT = '(absent)';
/** In place of the answer to a request that one of the two accepts and the other does not. */
export const ACCEPTED = '(accepted)';

/** Where two observations differ: the smallest parts, with their path. */
export interface Part {
  readonly path: string;
  readonly a: Json;
  readonly b: Json;
}

export function parts(a: Json, b: Json): Part[] {
  if (!isObject(a) || !isObject(b) || !('status' in a) || a.status === b.status) return deep(a, b, '');
  // One took it and the other did not: field by field their answers have nothing to do with each other.
  const body = (seen: { readonly [key: string]: Json }) =>
    Number(seen.status) < 300 ? ACCEPTED : (seen.body ?? ABSENT);
  return [...deep(a.status ?? ABSENT, b.status ?? ABSENT, 'status'), ...deep(body(a), body(b), 'body')];
}

function deep(a: Json, b: Json, path: string): Part[] {
  if (JSON.stringify(a) === JSON.stringify(b)) return [];
  if (!isObject(a) || !isObject(b)) return [{ path, a, b }];
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
  return keys.flatMap((key) => deep(fieldOf(a, key), fieldOf(b, key), path === '' ? key : `${path}.${key}`));
}

/** Null is a value, and another than none. */
function fieldOf(object: { readonly [key: string]: Json }, key: string): Json {
  const value = object[key];
  return value === undefined ? ABSENT : value;
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
