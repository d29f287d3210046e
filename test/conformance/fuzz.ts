import fc from 'fast-check';

import { type FuzzRequest, type Sequence, sequence } from './fuzz-sequence.ts';
import type { Request } from './http.ts';
import type { Json, Step } from './observation.ts';
import { UNKNOWN_ID } from './requests.ts';
import type { Stage } from './stage.ts';
import { Talk } from './talk.ts';

export const DEFAULT_SEED = 2026;
export const SEQUENCES = 100;
/** What shrinking may use up: each try needs unused task instances. */
export const SHRINKING = 100;

export function drawSequences(seed: number): Sequence[] {
  return fc.sample(sequence, { seed, numRuns: SEQUENCES });
}

/** Plays the sequence at a place of its own; the last step is a look at the rows. */
export async function playSequence(stage: Stage, requests: Sequence): Promise<readonly Step[]> {
  const talk = await Talk.at(stage, stage.take('fuzz'));
  for (const [i, request] of requests.entries()) await talk.send(`${i + 1}`, await sound(talk, request));
  await talk.rows('after', ['self', 'other']);
  return talk.steps;
}

export interface Counterexample {
  readonly sequence: Sequence;
  /** The difference, as `differs` put it. */
  readonly what: string;
}

type Differs = (first: readonly Step[], second: readonly Step[]) => string | undefined;

/** Looks for a sequence that two stacks answer differently, and makes it as short as the places left allow. */
export async function findDifference(
  stages: readonly [Stage, Stage],
  draw: { readonly seed: number; readonly sequences: number },
  differs: Differs,
): Promise<Counterexample | undefined> {
  let found: Counterexample | undefined;
  const property = fc.asyncProperty(sequence, async (requests) => {
    const what = await playOnBoth(stages, requests, differs);
    if (what === undefined) return;
    found = { sequence: requests, what };
    throw new Error(what);
  });
  await fc.check(property, { seed: draw.seed, numRuns: draw.sequences });
  return found && shorten(stages, found, differs);
}

/** fast-check makes bodies plain and drops requests at the beginning; what else is not needed goes here. */
async function shorten(stages: readonly [Stage, Stage], found: Counterexample, differs: Differs) {
  let shortest = found;
  for (let i = found.sequence.length - 1; i >= 0; i--) {
    const without = shortest.sequence.toSpliced(i, 1);
    const what = without.length === 0 ? undefined : await playOnBoth(stages, without, differs);
    if (what !== undefined) shortest = { sequence: without, what };
  }
  return shortest;
}

/** Undefined if they agree, and when no place is left: then nothing can be shown any more, and shrinking ends. */
async function playOnBoth([one, other]: readonly [Stage, Stage], requests: Sequence, differs: Differs) {
  if (one.sequencesLeft === 0 || other.sequencesLeft === 0) return undefined;
  return differs(...(await Promise.all([playSequence(one, requests), playSequence(other, requests)])));
}

async function sound(talk: Talk, { route, method, path, token, body }: FuzzRequest): Promise<Request> {
  const filled = body === undefined ? undefined : fill(talk, body);
  return {
    route,
    api: 'execution',
    method,
    path: named(talk, path),
    token: await tokenOf(talk, token),
    ...(filled === undefined ? {} : { raw: JSON.stringify(filled) }),
  };
}

async function tokenOf(talk: Talk, token: FuzzRequest['token']): Promise<string | null> {
  const { id } = talk.ti('self');
  switch (token) {
    case 'self':
    case 'other':
      return talk.ti(token).token;
    case 'unknown':
      return talk.token({ sub: UNKNOWN_ID });
    case 'workload':
      return talk.token({ sub: id, scope: 'workload' });
    case 'expired':
      return talk.token({ sub: id, expiresIn: -60 });
    case 'none':
      return null;
    default:
      throw new Error(`no such token: ${token satisfies never}`);
  }
}

function fill(talk: Talk, value: Json): Json {
  if (typeof value === 'string') return named(talk, value);
  if (Array.isArray(value)) return value.map((item) => fill(talk, item));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fill(talk, item)]));
}

function named(talk: Talk, text: string): string {
  return text
    .replaceAll('{self}', talk.ti('self').id)
    .replaceAll('{other}', talk.ti('other').id)
    .replaceAll('{dag}', talk.dagId)
    .replaceAll('{run}', talk.runId)
    .replaceAll('{self_task}', talk.ti('self').taskId)
    .replaceAll('{other_task}', talk.ti('other').taskId);
}
