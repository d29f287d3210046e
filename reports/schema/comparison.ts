import { z } from 'zod';

import type { Comparison } from '../../harness/model/comparison.ts';
import { type Assert, type Describes, published } from './schema.ts';

/**
 * The shape of `compare.json` for programs that read it: docs/comparison.schema.json is made of it. What each field
 * means is said at its type (harness/model/comparison.ts); the two are held together below.
 */

const text = z.string();
const texts = z.array(text);
const number = z.number();
const numbers = z.array(number);
const maybe = number.nullable();
const whole = z.int();
const verdict = z.enum(['pass', 'fail', 'unknown']);
const decision = z.enum(['better', 'worse', 'no difference seen', 'cannot say']);
const better = z.enum(['a', 'b']).nullable();
const limits = z.tuple([number, number]);
const counts = z.record(text, number);

const side = z.object({
  build: text,
  scenario: text,
  verdict,
  runs: z.array(z.object({ run: text, seed: whole, verdict, load_seconds: number, first_violation_s: maybe, counts })),
  load_seconds: number,
  invariants: z.array(
    z.object({ name: text, claim: text, verdict, aimed: z.boolean(), violations: whole, chances: number }),
  ),
  assumptions: z.array(z.object({ name: text, verdict })),
  counts,
  first_violation_s: maybe,
  harness_cpu_share: maybe,
});

const invariantDifference = z.object({
  kind: z.literal('invariant'),
  name: text,
  a: verdict,
  b: verdict,
  a_violations: whole,
  b_violations: whole,
  better,
  p_value: maybe,
  sentence: text,
});

const countDifference = z.object({
  kind: z.literal('count'),
  name: text,
  title: text,
  a: number,
  b: number,
  a_exposure: number,
  b_exposure: number,
  exposure_unit: z.enum(['s', 'operations']),
  a_rates: numbers,
  b_rates: numbers,
  decides: z.boolean(),
  better,
  p_value: number,
  p_adjusted: number,
  ratio: maybe,
  interval: z.tuple([number, maybe]).nullable(),
  a_interval: limits,
  b_interval: limits,
  between_runs: number,
  smallest_count_seen: maybe,
  runs_needed: maybe,
  sentence: text,
});

const measureDifference = z.object({
  kind: z.literal('measure'),
  name: text,
  title: text,
  unit: z.enum(['ms', '1/s', 's', 'bytes', '']),
  a: number,
  b: number,
  a_runs: numbers,
  b_runs: numbers,
  decides: z.boolean(),
  better,
  ratio: number,
  interval: limits,
  p_value: number,
  p_adjusted: number,
  smallest_ratio_seen: number,
  sentence: text,
});

const difference = z.discriminatedUnion('kind', [invariantDifference, countDifference, measureDifference]);
const struck = z.object({ occurrences: whole, runs: whole });

const against = z.object({
  letter: text,
  verdict,
  decision,
  sentence: text,
  caveats: texts,
  b: side,
  differences: z.array(difference),
  tests: z.array(countDifference),
  measures: z.array(measureDifference),
  findings: z.array(z.object({ fingerprint: text, title: text, known_race: text.nullable(), a: struck, b: struck })),
});

export const comparisonSchema = z.object({
  verdict,
  decision,
  sentence: text,
  caveats: texts,
  a: side,
  b: side,
  differences: z.array(difference),
  tests: z.array(countDifference),
  pairs: z.array(against),
  deciding_tests: whole,
  detect: number,
});

/** `docs/comparison.schema.json`. */
export const comparisonJsonSchema = () =>
  published(comparisonSchema, 'compare.json of windtunnel, and what `compare --json` prints');

export type Held = Assert<Describes<typeof comparisonSchema, Comparison>>;
