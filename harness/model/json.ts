/** An object as JSON has it: not null, not a list. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The object that a text is in JSON; an empty one where it is something else. */
export function recordIn(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : {};
  } catch {
    return {};
  }
}

/**
 * What a schema describes, as its readers have it: a scenario or a verdict is never changed, and an optional field is
 * there or not, as JSON has it, but never `undefined`.
 */
export type DeepReadonly<T> = T extends object
  ? { readonly [Key in keyof T]: DeepReadonly<Exclude<T[Key], undefined>> }
  : T;
