/**
 * What a schema describes, as its readers have it: a scenario or a verdict is never changed, and an optional field is
 * there or not, as JSON has it, but never `undefined`.
 */
export type DeepReadonly<T> = T extends object
  ? { readonly [Key in keyof T]: DeepReadonly<Exclude<T[Key], undefined>> }
  : T;
