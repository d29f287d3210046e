import { z } from 'zod';

import { KNOWN_RESULT } from './known.ts';
import { maybe, number, type Plain, text, VERDICT, whole } from './schema.ts';
import { CONFLICT } from './verdict.ts';

/**
 * Builds beside each other: what `windtunnel compare --json` prints and `compare.json` holds. The types are made of the
 * schema that is published as docs/comparison.schema.json.
 */

const numbers = z.array(number);
const limits = z.tuple([number, number]);
const counts = z.record(text, number);
const decision = z.enum(['better', 'worse', 'no difference seen', 'cannot say']);
const better = z.enum(['a', 'b']).nullable();
const sentence = text;
const caveats = z.array(text);
const p_adjusted = number.describe(
  "p_value that allows for the looks, after Holm's correction for all tests that decide (or do not), of all pairs",
);

const run = z.object({
  run: text,
  seed: whole,
  verdict: VERDICT,
  load_seconds: number,
  first_violation_s: maybe,
  counts,
});

const invariant = z.object({
  name: text,
  claim: text,
  verdict: VERDICT.describe(
    '`fail` if any run violated it; `pass` if a run without failed assumptions exercised it and none violated it',
  ),
  aimed: z.boolean(),
  violations: whole,
  exercised: number,
});

const conflict = CONFLICT.extend({ runs: whole.describe('In how many runs there was one') }).describe(
  'Requests of one kind that were refused with 409 because of one state that the server found, over all runs',
);

const side = z.object({
  build: text,
  scenario: text,
  verdict: VERDICT.describe('The worst verdict of its runs'),
  runs: z.array(run),
  load_seconds: number.describe('Of all runs together'),
  invariants: z.array(invariant),
  assumptions: z.array(z.object({ name: text, verdict: VERDICT })),
  counts: counts.describe('Sums over the runs'),
  conflicts: z.array(conflict),
  first_violation_s: maybe.describe('The earliest of its runs'),
  harness_cpu_share: maybe.describe('The largest of its runs'),
  known: KNOWN_RESULT.optional().describe('Its runs as one; absent without `--known`'),
});

const invariantDifference = z.object({
  kind: z.literal('invariant'),
  name: text,
  a: VERDICT,
  b: VERDICT,
  a_violations: whole,
  b_violations: whole,
  better: better.describe(
    'The side that does better; null where one side did not exercise it, or where the difference may be random',
  ),
  p_value: maybe.describe('The p-value, corrected; null: one side did not exercise it'),
  sentence,
});

const countDifference = z.object({
  kind: z.literal('count'),
  name: text.describe('`deadlocks`, `http_5xx`, `http_409{operation:rtif,class:…}`, `violations{invariant:…}`'),
  title: text.describe('The same for people: `5xx answers`, `violations of no-deadlocks`'),
  a: number,
  b: number,
  a_exposure: number,
  b_exposure: number,
  exposure_unit: z.enum(['s', 'operations']),
  a_rates: numbers.describe('Events of each run over its exposure'),
  b_rates: numbers,
  decides: z
    .boolean()
    .describe('Whether more of it is worse. Parts of a count, and refusals that may be right, decide nothing'),
  better: better.describe('For one that decides: the side with fewer, if the difference is not random'),
  p_value: number.describe(
    'Exact given the spread between runs, averaged over the spreads that these runs allow; two-sided',
  ),
  p_adjusted,
  ratio: maybe.describe('Rate of B over rate of A; null if A has none'),
  interval: z
    .tuple([number, maybe])
    .nullable()
    .describe('95 % interval of the ratio, not corrected; its upper end is null where it has none; null: no events'),
  a_interval: limits.describe("95 % limits of the side's rate, over its exposure; not corrected"),
  b_interval: limits,
  between_runs: number.describe(
    "By how much the rates of a build's runs vary around their mean, as a share of it: the test allows for it",
  ),
  smallest_count_seen: maybe.describe(
    "The smallest count of B that would differ significantly from A's, after correction; null: none, however large",
  ),
  runs_needed: maybe.describe(
    "Runs a side with which a rate `detect` times A's is seen 9 times in 10; null: over 100, or not computed",
  ),
  sentence,
});

const measureDifference = z
  .object({
    kind: z.literal('measure'),
    name: text.describe(
      '`latency_p95{operation:heartbeat}`, `tasks_per_second`, `cpu_s_per_task`, `memory_bytes`, `lock_waits`',
    ),
    title: text,
    unit: z.enum(['ms', '1/s', 's', 'bytes', '']),
    a: number.describe('Geometric mean over the runs'),
    b: number,
    a_runs: numbers,
    b_runs: numbers,
    decides: z.boolean(),
    better,
    ratio: number,
    interval: limits.describe('95 %, by bootstrap over the runs, not corrected'),
    p_value: number,
    p_adjusted,
    smallest_ratio_seen: number.describe('The smallest factor that would be significant, after correction'),
    sentence,
  })
  .describe("One value a run: a quantile of an operation's latency, a rate of work, a cost");

const difference = z.discriminatedUnion('kind', [invariantDifference, countDifference, measureDifference]);

const presence = z
  .object({ occurrences: whole, runs: whole })
  .describe('How often it occurred, and in how many runs of the side');

const finding = z
  .object({ fingerprint: text, title: text, known_race: text.nullable(), a: presence, b: presence })
  .describe('A cause of violations, by its fingerprint, on both sides');

const differences = z
  .array(difference)
  .describe(
    'Only what differs: invariants violated on one side, counts and measures with a difference that is not random',
  );
const tests = z.array(countDifference).describe('Every count that was tested; `differences` repeats those that differ');

const against = z
  .object({
    letter: text.describe('`B`, `C`, …'),
    verdict: VERDICT,
    decision,
    sentence,
    caveats,
    b: side,
    differences,
    tests,
    measures: z
      .array(measureDifference)
      .describe('Every latency, throughput and cost that was compared; empty with fewer than three valid runs a side'),
    findings: z.array(finding),
  })
  .describe('One build compared with A');

const looks = z
  .object({
    after: whole.describe('The runs of each build after which it ended'),
    planned: z.array(
      z.object({
        after: whole,
        spent: number.describe('How much of the 5 % all looks up to this one may have used'),
      }),
    ),
    sentence: text.describe('Where it stopped and why, for people'),
  })
  .describe('After how many runs of each build it looked whether it may end');

export const COMPARISON = z.object({
  verdict: VERDICT.describe('The worst of the pairs. `fail`: a build is worse than A. `unknown`: undecided'),
  decision: decision.describe('Of the pair with that verdict'),
  sentence: sentence.describe('The decision and its reasons, for people; a sentence for each pair'),
  caveats: caveats.describe('What limits the conclusion, such as different scenarios on the two sides'),
  a: side.describe('The build that all others are compared with'),
  b: side.describe('The first of the others, as are `differences` and `tests`'),
  differences,
  tests,
  pairs: z.array(against),
  deciding_tests: whole.describe("How many tests share the level of 5 % (Holm's correction), all pairs together"),
  detect: number.describe('By what factor a rate must rise for `runs_needed` to be computed'),
  looks: looks.nullable().describe('Null: it was decided once, from all runs'),
});

export type Decision = z.infer<typeof decision>;
export type Comparison = Plain<typeof COMPARISON>;
export type Against = Plain<typeof against>;
export type ComparisonSide = Plain<typeof side>;
export type ComparedInvariant = Plain<typeof invariant>;
export type ComparedConflict = Plain<typeof conflict>;
export type ComparedFinding = Plain<typeof finding>;
export type Difference = Plain<typeof difference>;
export type InvariantDifference = Plain<typeof invariantDifference>;
export type CountDifference = Plain<typeof countDifference>;
export type MeasureDifference = Plain<typeof measureDifference>;
