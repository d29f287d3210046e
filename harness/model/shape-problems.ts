import { z } from 'zod';

import { didYouMean } from './closest.ts';

/**
 * What is wrong with a file that a user wrote, all of it at once, each as `where: what`; empty if it is what the schema
 * says. `whole` names the value itself, where a problem is in no part of it.
 */
export function shapeProblems(schema: z.ZodType, value: unknown, whole: string): string[] {
  return issuesOf(schema, value).map((issue) => sentence(issue, whole));
}

/**
 * The same of a file that was only stored: of values that are of the wrong kind. Which values may be played changes
 * between versions, and a key that is not known may be a later version's.
 */
export function kindProblems(schema: z.ZodType, value: unknown, whole: string): string[] {
  return issuesOf(schema, value)
    .filter(({ code }) => code.startsWith('invalid_') && code !== 'invalid_format')
    .map((issue) => sentence(issue, whole));
}

function issuesOf(schema: z.ZodType, value: unknown): readonly z.core.$ZodIssue[] {
  return schema.safeParse(value, { error: inPlainWords }).error?.issues ?? [];
}

function sentence({ path, message }: z.core.$ZodIssue, whole: string): string {
  return `${path.map(String).join('.') || whole}: ${message}`;
}

/** A sentence for what zod says in words of its own; undefined where its schema or zod says it well. */
function inPlainWords(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = keysOf(issue.inst);
      const each = issue.keys.map((key) => `there is no "${key}"${didYouMean(key, known)}`);
      return `${each.join(', ')}${known.length > 0 ? `; there is ${known.join(', ')}` : ''}`;
    }
    case 'invalid_type':
      return `must be ${KINDS[issue.expected] ?? issue.expected}, ${found(issue.input)}`;
    case 'invalid_value':
      return `must be ${oneOf(issue.values.map(shown))}, ${found(issue.input)}`;
    case 'invalid_union':
      return ofUnion(issue);
    case 'too_small':
      return `must ${sizeOf(issue.origin, issue.inclusive === false ? 'more than' : 'at least', issue.minimum)}`;
    case 'too_big':
      return `must ${sizeOf(issue.origin, issue.inclusive === false ? 'less than' : 'at most', issue.maximum)}`;
    default:
      return undefined;
  }
}

const KINDS: Readonly<Record<string, string>> = {
  array: 'a list',
  tuple: 'a list',
  object: 'an object',
  record: 'an object',
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  undefined: 'absent',
};

function keysOf(schema: unknown): string[] {
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

function ofUnion(issue: z.core.$ZodRawIssue<z.core.$ZodIssueInvalidUnion>): string | undefined {
  const { options } = issue;
  if (!Array.isArray(options)) {
    const each = issue.errors.flatMap(([first]) => (first ? [first.message] : []));
    return each.length === 0 ? undefined : `${[...new Set(each)].join(', or ')}`;
  }
  return `must be ${oneOf(options.map(shown))}, ${found(fieldOf(issue.input, issue.discriminator))}`;
}

function fieldOf(value: unknown, name: string | undefined): unknown {
  return typeof value === 'object' && value !== null && name !== undefined
    ? Object.entries(value).find(([key]) => key === name)?.[1]
    : value;
}

function oneOf(values: readonly string[]): string {
  return values.length === 1 ? (values[0] ?? '') : `one of ${values.join(', ')}`;
}

function sizeOf(origin: string, bound: string, limit: number | bigint): string {
  if (origin === 'array') return `have ${bound} ${limit} member${limit === 1 ? '' : 's'}`;
  return origin === 'string' ? `have ${bound} ${limit} character${limit === 1 ? '' : 's'}` : `be ${bound} ${limit}`;
}

function found(input: unknown): string {
  return input === undefined ? 'and is missing' : `not ${shown(input)}`;
}

function shown(value: unknown): string {
  const text = typeof value === 'bigint' ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
