import { z } from 'zod';

import type { DeepReadonly } from './json.ts';

/** What the schemas of the documents are made of; in them "maybe" is a value or null. */
export const text = z.string();
export const number = z.number();
export const whole = z.int();
export const maybe = number.nullable();
export const maybeText = text.nullable();
export const maybeWhole = whole.nullable();

/** Three answers, everywhere. A run that did not exercise an invariant enough is `unknown`, never `pass`. */
export const VERDICT = z.enum(['pass', 'fail', 'unknown']);

/** The readers' type of a schema. */
export type Plain<Schema extends z.ZodType> = DeepReadonly<z.infer<Schema>>;
