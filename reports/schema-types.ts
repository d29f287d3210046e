/** What holds a schema and the type of what it describes together, when they are compiled. */

/** A type without `readonly`, as zod infers it. */
export type Plain<T> = T extends readonly unknown[]
  ? { -readonly [Key in keyof T]: Plain<T[Key]> }
  : T extends object
    ? { -readonly [Key in keyof T]: Plain<T[Key]> | (undefined extends T[Key] ? undefined : never) }
    : T;
/** Only which fields there are. */
export type Fields<T> = T extends readonly (infer Item)[]
  ? Fields<Item>
  : T extends object
    ? { [Key in keyof T]-?: Fields<NonNullable<T[Key]>> }
    : unknown;
export type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;

/** Does not compile unless it holds. */
export type Assert<Holds extends true> = Holds;
