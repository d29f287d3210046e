import type { z } from 'zod';

import { type Loc, type Problem, Unfit } from './fields.ts';
import { Refusal } from './refusal.ts';

/** The value as the schema reads it, or pydantic's complaints about it. */
export function read<T>(schema: z.ZodType<T>, value: unknown, loc: Loc): T | Unfit {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  return new Unfit(result.error.issues.flatMap((issue) => problemsOf(issue, value, loc)));
}

/** A request's body; 422 if it does not fit. */
export function body<T>(schema: z.ZodType<T>, value: unknown): T {
  return all(readBody(schema, value))[0];
}

export function readBody<T>(schema: z.ZodType<T>, value: unknown): T | Unfit {
  if (value !== undefined && value !== null) return read(schema, value, ['body']);
  return new Unfit([{ type: 'missing', loc: ['body'], msg: 'Field required', input: null }]);
}

/** All parts of a request, or one 422 with what is wrong in each of them: FastAPI looks at all before it answers. */
export function all<const T extends readonly unknown[]>(...parts: T): { [K in keyof T]: Exclude<T[K], Unfit> } {
  const problems = parts.flatMap((part) => (part instanceof Unfit ? part.problems : []));
  if (problems.length > 0) throw Refusal.of(422, problems);
  return parts as { [K in keyof T]: Exclude<T[K], Unfit> };
}

/** Query parameters; several of one name stay a list. */
export function query<T>(schema: z.ZodType<T>, value: unknown): T | Unfit {
  const found = read(schema, value, ['query']);
  if (!(found instanceof Unfit)) return found;
  // A parameter that is not there has no surroundings to show.
  return new Unfit(found.problems.map((item) => (item.type === 'missing' ? { ...item, input: null } : item)));
}

function problemsOf(issue: z.core.$ZodIssue, value: unknown, loc: Loc): Problem[] {
  const path = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step));
  const at = [...loc, ...path];
  const input = inside(value, path);
  if (issue.code === 'custom') {
    const problem = issue.params?.problem as Problem;
    if (problem.type === 'missing' && problem.loc.length === 0) return [missing(at, inside(value, path.slice(0, -1)))];
    return [{ ...problem, loc: [...at, ...problem.loc] }];
  }
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      type: 'extra_forbidden',
      loc: [...at, key],
      msg: 'Extra inputs are not permitted',
      input: inside(input, [key]),
    }));
  }
  if (issue.code === 'invalid_type') {
    if (input === undefined) return [missing(at, inside(value, path.slice(0, -1)))];
    if (issue.expected === 'array') return [{ type: 'list_type', loc: at, msg: 'Input should be a valid list', input }];
    const msg = 'Input should be a valid dictionary or object to extract fields from';
    return [{ type: 'model_attributes_type', loc: at, msg, input }];
  }
  // None of our schemas makes another kind; if one does, it still is a 422.
  return [{ type: issue.code, loc: at, msg: issue.message, input }];
}

function missing(loc: Loc, parent: unknown): Problem {
  return { type: 'missing', loc, msg: 'Field required', input: parent };
}

function inside(value: unknown, path: Loc): unknown {
  return path.reduce<unknown>(
    (at, step) => (typeof at === 'object' && at !== null ? (at as Record<string | number, unknown>)[step] : undefined),
    value,
  );
}
