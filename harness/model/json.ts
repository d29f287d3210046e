/** An object as JSON has it: not null, not a list. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * What a schema describes, as its readers have it: a scenario or a verdict is never changed, and an optional field is
 * there or not, as JSON has it, but never `undefined`.
 */
export type DeepReadonly<T> = T extends object
  ? { readonly [Key in keyof T]: DeepReadonly<Exclude<T[Key], undefined>> }
  : T;
