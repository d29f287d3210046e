import type { Sighting } from '../../harness/model/sighting.ts';
import type { Judgement } from '../../harness/model/verdict.ts';
import { headline } from '../summary.ts';
import { seconds } from '../words.ts';
import { hanging } from './screen.ts';

/** What is said while runs last: above the live line of a terminal, and in the log of CI. */

export interface SightingTimes {
  /** Since the command began. */
  readonly afterMs: number;
  /** Null: it was seen before the load began. */
  readonly intoLoadS: number | null;
}

/** `airflow@3.2.1, after 47 s (3.9 s into the load): PostgreSQL detected a deadlock of …`. */
export function sightingText(label: string, { sentence }: Sighting, { afterMs, intoLoadS }: SightingTimes): string {
  const place = intoLoadS === null ? 'before the load' : `${seconds(Math.max(0, intoLoadS))} into the load`;
  return note(`${label}, after ${after(afterMs)} (${place}): ${sentence}`);
}

/** `Taken back: airflow@3.2.1, after 47 s: the refused heartbeat of …: it was a late update (…).` */
export function takenBackText(
  label: string,
  { name, because, afterMs }: { readonly name: string; readonly because: string; readonly afterMs: number },
): string {
  return note(`Taken back: ${label}, after ${after(afterMs)}: ${name}: ${because}.`);
}

/** The verdict of one of several runs. */
export function runVerdictText(label: string, judgement: Judgement): string {
  return note(`${label}: ${judgement.verdict.toUpperCase()}. ${headline(judgement)}`);
}

/** A paragraph; its further lines are indented. */
function note(text: string): string {
  return hanging('  ', text, 6).join('\n').trimStart();
}

function after(ms: number): string {
  return seconds(ms / 1000);
}
