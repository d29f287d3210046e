import { z } from 'zod';

import { durationMs } from './duration.ts';
import type { DeepReadonly } from './json.ts';

const k6Duration = z
  .string()
  .refine((text) => durationMs(text) !== undefined, "must be a duration as k6 writes it, like '1m30s'");
const rate = z.number().nonnegative();
const common = { timeUnit: k6Duration.optional(), startTime: k6Duration.optional() };

/** k6's open arrivals, with k6's fields. A constant rate without `duration` lasts as long as the load. */
export const ARRIVALS = z.discriminatedUnion('executor', [
  z.strictObject({
    executor: z.literal('constant-arrival-rate'),
    rate: z.number().positive(),
    duration: k6Duration.optional(),
    ...common,
  }),
  z.strictObject({
    executor: z.literal('ramping-arrival-rate'),
    startRate: rate.optional(),
    stages: z.array(z.strictObject({ duration: k6Duration, target: rate })).min(1),
    ...common,
  }),
]);
export type ArrivalRate = DeepReadonly<z.infer<typeof ARRIVALS>>;

/** When actions are due, whatever the server's response to those before. */
export type Timing =
  | { readonly every_ms: number; readonly start_after_ms: number }
  | { readonly arrivals: ArrivalRate };
