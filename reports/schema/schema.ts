import { z } from 'zod';

/** Whether the schema has just the fields of the type, of its types: what `Assert` holds together when they are compiled. */
export type Describes<Schema extends z.ZodType, T> = [Plain<T>] extends [z.input<Schema>]
  ? Same<Fields<T>, Fields<z.input<Schema>>>
  : false;

/** A schema as it is published. Fields may be added, so more than these are allowed. */
export function published(schema: z.ZodType, title: string): object {
  return { ...z.toJSONSchema(schema, { io: 'input', reused: 'ref' }), title };
}

/** A type without `readonly`, as zod infers it. */
type Plain<T> = T extends readonly unknown[]
  ? { -readonly [Key in keyof T]: Plain<T[Key]> }
  : T extends object
    ? { -readonly [Key in keyof T]: Plain<T[Key]> | (undefined extends T[Key] ? undefined : never) }
    : T;
/** Only which fields there are. */
type Fields<T> = T extends readonly (infer Item)[]
  ? Fields<Item>
  : T extends object
    ? { [Key in keyof T]-?: Fields<NonNullable<T[Key]>> }
    : unknown;
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;

/** Does not compile unless it holds. */
export type Assert<Holds extends true> = Holds;
