import { z } from 'zod';

import { read } from '../checked.ts';
import {
  awareTime,
  dict,
  duration,
  field,
  float,
  isDict,
  type Loc,
  literal,
  member,
  nullable,
  optional,
  type Problem,
  text,
  Unfit,
  under,
} from '../fields.ts';
import { Refusal } from '../refusal.ts';

/** pydantic's own name for the type of a JSON object, in the `loc` of what fits neither member of a union. */
const JSON_DICT =
  'dict[str,json-or-python[json=any,python=tagged-union[list[...],dict[str,...],str,bool,int,float,none]]]';

function dictOrText(value: unknown): Readonly<Record<string, unknown>> | string | Unfit {
  if (typeof value === 'string' || isDict(value)) return value;
  const [asDict, asText] = [dict(value), text(value)];
  return new Unfit([
    ...(asDict instanceof Unfit ? under(asDict.problems, [JSON_DICT]) : []),
    ...(asText instanceof Unfit ? under(asText.problems, ['str']) : []),
  ]);
}

const RENDERED = { rendered_map_index: optional(nullable(text), undefined) };
const OUTLET = z.strictObject({
  name: optional(nullable(text), null),
  uri: optional(nullable(text), null),
  type: field(text),
});

/** In the order in which 3.3.2 tries them. The tag is part of the `loc` of every complaint. */
const MEMBERS = {
  _terminal_: z.strictObject({
    state: field(member('failed', 'skipped', 'removed', 'upstream_failed')),
    end_date: field(awareTime),
    ...RENDERED,
  }),
  success: z.strictObject({
    state: field(literal('TerminalTIState', 'success')),
    end_date: field(awareTime),
    task_outlets: z.array(OUTLET).default([]),
    outlet_events: z.array(field(dict)).default([]),
    ...RENDERED,
  }),
  _other_: z.strictObject({
    state: field(
      member('scheduled', 'queued', 'restarting', 'up_for_retry', 'up_for_reschedule', 'deferred', 'awaiting_input'),
    ),
  }),
  deferred: z.strictObject({
    state: field(literal('IntermediateTIState', 'deferred')),
    classpath: field(text),
    trigger_kwargs: optional(dictOrText, {}),
    trigger_timeout: optional(nullable(duration), null),
    queue: optional(nullable(text), null),
    next_method: field(text),
    next_kwargs: optional(dict, {}),
    ...RENDERED,
  }),
  up_for_reschedule: z.strictObject({
    state: field(literal('IntermediateTIState', 'up_for_reschedule')),
    reschedule_date: field(awareTime),
    end_date: field(awareTime),
  }),
  awaiting_input: z.strictObject({
    state: field(literal('IntermediateTIState', 'awaiting_input')),
    timeout: optional(nullable(duration), null),
    next_method: field(text),
    next_kwargs: optional(dict, {}),
    ...RENDERED,
  }),
  up_for_retry: z.strictObject({
    state: field(literal('IntermediateTIState', 'up_for_retry')),
    end_date: field(awareTime),
    ...RENDERED,
    retry_delay_seconds: optional(nullable(float), null),
    retry_reason: optional(nullable(text), null),
  }),
} as const;

type Tag = keyof typeof MEMBERS;
type Member<T extends Tag> = { readonly tag: T } & Readonly<z.infer<(typeof MEMBERS)[T]>>;

/** An end report, or another change of state that a worker asks for. */
export type StatePayload = { [T in Tag]: Member<T> }[Tag];

const TAGS = Object.keys(MEMBERS) as Tag[];

/**
 * Airflow means to choose the member by `state`; what 3.3.2 does is to try one after the other, and to complain in the
 * name of all of them. So `{"state": "deferred"}` alone is not an incomplete deferral but an `_other_`.
 */
export function statePayload(value: unknown): StatePayload {
  if (value === undefined || value === null) {
    throw Refusal.of(422, [{ type: 'missing', loc: ['body'], msg: 'Field required', input: null }]);
  }
  const likely = likelyTag(value);
  const first = likely && readMember(likely, value);
  if (first && !(first instanceof Unfit)) return first;
  const problems: Problem[] = [];
  for (const tag of TAGS) {
    const result = readMember(tag, value);
    if (!(result instanceof Unfit)) return result;
    problems.push(...result.problems);
  }
  throw Refusal.of(422, problems);
}

/** Saves the common payloads the failed attempts at the other members. */
function likelyTag(value: unknown): Tag | undefined {
  if (!isDict(value)) return undefined;
  if (value.state === 'success' || value.state === 'deferred' || value.state === 'up_for_retry') return value.state;
  return value.state === 'failed' || value.state === 'skipped' ? '_terminal_' : undefined;
}

function readMember(tag: Tag, value: unknown): StatePayload | Unfit {
  const loc: Loc = ['body', tag];
  const result = read<object>(MEMBERS[tag], value, loc);
  return result instanceof Unfit ? result : ({ tag, ...result } as StatePayload);
}
