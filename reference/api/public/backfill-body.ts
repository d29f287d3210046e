import { z } from 'zod';

import { body } from '../checked.ts';
import { dict, field, flag, integer, isDict, member, nullable, optional, text, time } from '../fields.ts';
import { Refusal } from '../refusal.ts';
import type { PublicCall } from './route.ts';

const BACKFILL = z.strictObject({
  dag_id: field(text),
  from_date: field(time),
  to_date: field(time),
  run_backwards: optional(flag, false),
  dag_run_conf: optional(nullable(dict), null),
  reprocess_behavior: optional(member('failed', 'completed', 'none'), 'none' as const),
  max_active_runs: optional(integer, 10),
  run_on_latest_version: optional(nullable(flag), null),
});
export type BackfillBody = z.infer<typeof BACKFILL>;

export function backfillBody(call: PublicCall): BackfillBody {
  // The check of who may do it comes first, and wants a DAG's id.
  if (isDict(call.body) && !['string', 'undefined'].includes(typeof call.body.dag_id) && call.body.dag_id !== null) {
    throw Refusal.of(400, "'dag_id' must be a string");
  }
  return body(BACKFILL, call.body);
}
