import { z } from 'zod';

import { fromUnix, readDuration, readTime } from './times.ts';

export type Loc = readonly (string | number)[];

/** One entry of a 422's `detail`, in pydantic's form. */
export interface Problem {
  readonly type: string;
  readonly loc: Loc;
  readonly msg: string;
  readonly input: unknown;
  readonly ctx?: Readonly<Record<string, unknown>>;
}

/** What a field found wrong; `loc` is relative to the field. */
export class Unfit {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    this.problems = problems;
  }
}

function unfit(type: string, msg: string, input: unknown, ctx?: Problem['ctx']): Unfit {
  return new Unfit([{ type, loc: [], msg, input, ...(ctx ? { ctx } : {}) }]);
}

export type Read<T> = (value: unknown) => T | Unfit;

/**
 * A required field that is read as pydantic reads it in its lax mode. zod composes the fields into models; their own
 * complaints are made here, because zod's differ from pydantic's in kind, not only in words.
 */
export function field<T>(read: Read<T>): z.ZodType<T> {
  return z.unknown().transform((value, context): T => {
    const result = value === undefined ? unfit('missing', 'Field required', undefined) : read(value);
    if (!(result instanceof Unfit)) return result;
    for (const problem of result.problems) context.addIssue({ code: 'custom', params: { problem } });
    return z.NEVER;
  });
}

/** A field that may be left out, and then is `fallback`. */
export function optional<T, F>(read: Read<T>, fallback: F): z.ZodType<T | F> {
  return field(read)
    .optional()
    .transform((value): T | F => (value === undefined ? fallback : value));
}

export function nullable<T>(read: Read<T>): Read<T | null> {
  return (value) => (value === null ? null : read(value));
}

export const text: Read<string> = (value) =>
  typeof value === 'string' ? value : unfit('string_type', 'Input should be a valid string', value);

export function textUpTo(length: number): Read<string> {
  return (value) =>
    typeof value === 'string' && value.length > length
      ? unfit('string_too_long', `String should have at most ${length} characters`, value, { max_length: length })
      : text(value);
}

export const integer: Read<number> = (value) => {
  const what = 'Input should be a valid integer';
  if (typeof value === 'boolean') return Number(value);
  if (typeof value === 'string') {
    if (/^\s*[+-]?\d+(\.0+)?\s*$/.test(value)) return Number(value);
    return unfit('int_parsing', `${what}, unable to parse string as an integer`, value);
  }
  if (typeof value !== 'number') return unfit('int_type', what, value);
  if (Number.isInteger(value)) return value;
  return unfit('int_from_float', `${what}, got a number with a fractional part`, value);
};

export function integerFrom(least: number, most = Number.POSITIVE_INFINITY): Read<number> {
  return (value) => {
    const read = integer(value);
    if (read instanceof Unfit) return read;
    if (read < least) {
      const msg = `Input should be greater than or equal to ${least}`;
      return unfit('greater_than_equal', msg, value, { ge: least });
    }
    if (read <= most) return read;
    return unfit('less_than_equal', `Input should be less than or equal to ${most}`, value, { le: most });
  };
}

export const float: Read<number> = (value) => {
  const what = 'Input should be a valid number';
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return Number(value);
  if (typeof value !== 'string') return unfit('float_type', what, value);
  const read = Number(value);
  if (value.trim() !== '' && !Number.isNaN(read)) return read;
  return unfit('float_parsing', `${what}, unable to parse string as a number`, value);
};

const TRUE = new Set<unknown>([true, 1, '1', 'true', 't', 'yes', 'y', 'on']);
const FALSE = new Set<unknown>([false, 0, '0', 'false', 'f', 'no', 'n', 'off']);

export const flag: Read<boolean> = (value) => {
  const known = typeof value === 'string' ? value.toLowerCase() : value;
  if (TRUE.has(known)) return true;
  if (FALSE.has(known)) return false;
  const what = 'Input should be a valid boolean';
  return typeof value === 'string' || typeof value === 'number'
    ? unfit('bool_parsing', `${what}, unable to interpret input`, value)
    : unfit('bool_type', what, value);
};

/** A datetime; one without a time zone is taken for UTC. */
export const time: Read<Date> = (value) => readMoment(value, false);
/** A datetime that must have a time zone. */
export const awareTime: Read<Date> = (value) => readMoment(value, true);

function readMoment(value: unknown, aware: boolean): Date | Unfit {
  if (typeof value === 'number') return fromUnix(value);
  if (typeof value !== 'string') return unfit('datetime_type', 'Input should be a valid datetime', value);
  const read = readTime(value);
  if ('error' in read) {
    const { error } = read;
    return unfit('datetime_from_date_parsing', `Input should be a valid datetime or date, ${error}`, value, { error });
  }
  if (aware && !read.aware) return unfit('timezone_aware', 'Input should have timezone info', value);
  return read.at;
}

/** A timedelta, in milliseconds. */
export const duration: Read<number> = (value) => {
  const what = 'Input should be a valid timedelta';
  if (typeof value === 'number') return value * 1000;
  if (typeof value !== 'string') return unfit('time_delta_type', what, value);
  const ms = readDuration(value);
  if (ms !== undefined) return ms;
  const error = value.length < 2 && /^[+-]?P?$/.test(value) ? 'input is too short' : 'invalid digit in duration';
  return unfit('time_delta_parsing', `${what}, ${error}`, value, { error });
};

export const dict: Read<Readonly<Record<string, unknown>>> = (value) =>
  isDict(value) ? value : unfit('dict_type', 'Input should be a valid dictionary', value);

export function isDict(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** One member of a Python enum. */
export function member<T extends string>(...values: readonly T[]): Read<T> {
  return (value) => {
    const found = values.find((candidate) => candidate === value);
    if (found !== undefined) return found;
    const quoted = values.map((candidate) => `'${candidate}'`);
    const last = quoted.at(-1) ?? '';
    const expected = quoted.length > 1 ? `${quoted.slice(0, -1).join(', ')} or ${last}` : last;
    return unfit('enum', `Input should be ${expected}`, value, { expected });
  };
}

/** A Python `Literal` of one enum member, which pydantic names by its repr. */
export function literal<T extends string>(enumName: string, wanted: T): Read<T> {
  const expected = `<${enumName}.${wanted.toUpperCase()}: '${wanted}'>`;
  return (value) =>
    value === wanted ? wanted : unfit('literal_error', `Input should be ${expected}`, value, { expected });
}

/** What a model's own validator objects to. */
export function valueError(msg: string, input: unknown, loc: Loc = []): Problem {
  return { type: 'value_error', loc, msg: `Value error, ${msg}`, input, ctx: { error: {} } };
}

/** `a` or `["b", 3]`: a task, or one of its mapped instances. */
export type TaskMarker = string | readonly [task: string, mapIndex: number];

export const taskMarkers: Read<readonly TaskMarker[]> = (value) => {
  if (!Array.isArray(value)) return unfit('list_type', 'Input should be a valid list', value);
  const problems: Problem[] = [];
  const markers = value.map((item, i): TaskMarker => {
    if (typeof item === 'string') return item;
    const noText = text(item);
    if (noText instanceof Unfit) problems.push(...under(noText.problems, [i, 'str']));
    const pair = taskPair(item);
    if (!(pair instanceof Unfit)) {
      problems.length -= 1;
      return pair;
    }
    problems.push(...under(pair.problems, [i, 'tuple[str, int]']));
    return '';
  });
  return problems.length > 0 ? new Unfit(problems) : markers;
};

function taskPair(value: unknown): readonly [string, number] | Unfit {
  if (!Array.isArray(value)) return unfit('tuple_type', 'Input should be a valid tuple', value);
  const [task, index] = [text(value[0]), integer(value[1])];
  const problems = [task, index].flatMap((read, i) => {
    if (i >= value.length) return [{ type: 'missing', loc: [i], msg: 'Field required', input: value }];
    return read instanceof Unfit ? under(read.problems, [i]) : [];
  });
  if (value.length > 2) {
    const msg = `Tuple should have at most 2 items after validation, not ${value.length}`;
    return unfit('too_long', msg, value, { field_type: 'Tuple', max_length: 2, actual_length: value.length });
  }
  if (problems.length > 0 || task instanceof Unfit || index instanceof Unfit) return new Unfit(problems);
  return [task, index];
}

export function under(problems: readonly Problem[], loc: Loc): Problem[] {
  return problems.map((problem) => ({ ...problem, loc: [...loc, ...problem.loc] }));
}
