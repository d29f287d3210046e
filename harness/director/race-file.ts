import { z } from 'zod';

const name = z.string().regex(/^[A-Za-z][\w.-]*$/, 'must be letters, digits, . _ and -');
const seconds = z.number().int().min(1).max(60);

const TASK = z.strictObject({
  after: z.array(name).optional().describe('The tasks directly upstream'),
  rule: z.enum(['all_success', 'one_success', 'none_failed_min_one_success', 'all_done']).optional(),
  retries: z.number().int().min(0).max(5).optional(),
  mapped: z.number().int().min(1).max(10).optional().describe('As many task instances, with map indexes from 0'),
  branch: z.boolean().optional().describe('It may skip tasks: an operator of the kind that branches are'),
});

/** A file of a race: `*.race.yaml`. The sentences of its script are read by `parseSentence`. */
export const RACE_FILE = z.strictObject({
  race: z.string().min(1).describe('The number of an issue, such as #66734, or a name'),
  title: z.string().min(1).max(200).describe('What a user sees, in one sentence'),
  breaks: z
    .record(z.string(), z.union([z.string(), z.array(z.string()).min(1), z.null()]))
    .refine((value) => Object.keys(value).length > 0, 'must name an invariant')
    .describe('Invariants that the order violates, each with its variant or variants; null: any variant'),
  stack: z
    .strictObject({
      schedulers: z.number().int().min(1).max(4).optional(),
      executor: z.enum(['calm', 'local', 'celery']).optional(),
      heartbeat_timeout_s: seconds.optional().describe('After so long without a heartbeat a task is failed'),
      queued_timeout_s: seconds.optional().describe('After so long in QUEUED a task is scheduled again'),
    })
    .optional(),
  dag: z
    .record(name, TASK.nullable())
    .refine((value) => Object.keys(value).length > 0, 'must have a task')
    .describe('The tasks of its one DAG'),
  max_active_runs: z.number().int().min(1).max(16).optional(),
  max_active_tasks: z.number().int().min(1).max(16).optional().describe('Of the DAG: what waits for room is scheduled'),
  script: z
    .array(z.union([z.string(), z.record(z.string(), z.string())]))
    .min(1)
    .describe('Sentences, carried out in this order: docs/director.md'),
  why_long: z.string().optional().describe('Why a hold of it lasts longer than four seconds'),
});

export type RaceFile = z.infer<typeof RACE_FILE>;
