import type { Json } from '../observation.ts';

/**
 * Path in a step's observation → what Airflow gives there, and what the reference stack gives. In a text `*` stands for
 * anything, in a path for one part of it: the same cause shows in many dialogues with other names.
 */
export type Seen = Readonly<Record<string, readonly [airflow: Json, reference: Json]>>;

/** One place where a difference shows. All of `seen` must be found in a step, or it is not this one. */
export interface Case {
  /** Those of the difference's releases that show it here; all of them, unless given. */
  readonly releases?: readonly string[];
  /** A dialogue's name, or none: then route and values say which steps are meant, those of random sequences too. */
  readonly dialogue?: string;
  readonly step?: string;
  readonly route?: string;
  readonly seen: Seen;
  /** A race: it need not show in every play. */
  readonly sometimes?: true;
}

/** A difference that is known, with its reason, in the words of docs/conformance.md. */
export interface Difference {
  readonly releases: readonly string[];
  readonly airflow: string;
  readonly reference: string;
  readonly reason: string;
  readonly cases: readonly Case[];
}

export const ALL = ['3.1.8', '3.2.1', '3.2.2', '3.3.2'] as const;
export const BEFORE_3_3 = ['3.1.8', '3.2.1', '3.2.2'] as const;
export const LINE_3_2 = ['3.2.1', '3.2.2'] as const;
export const BEFORE_3_2_2 = ['3.1.8', '3.2.1'] as const;
export const LINE_3_1 = ['3.1.8'] as const;

/** The same refusal in other words. */
export function inOtherWords(
  path: string,
  ...pairs: readonly (readonly [airflow: string, reference: string])[]
): Case[] {
  return pairs.map((pair) => ({ seen: { [path]: pair } }));
}
