import pc from 'picocolors';
import type { Verdict } from '../../harness/model/verdict.ts';
import { shorten, visible } from '../words.ts';

/** One screen of an ordinary terminal. */
export const SCREEN = { lines: 24, columns: 100 } as const;

export interface TextOptions {
  /** Whether escapes for colour may be printed; the caller knows the terminal and NO_COLOR. */
  readonly color: boolean;
}

export type Paint = ReturnType<typeof pc.createColors>;

export function paintFor({ color }: TextOptions): Paint {
  return pc.createColors(color);
}

export function mark(verdict: Verdict, paint: Paint): string {
  return { fail: paint.red('✗'), unknown: paint.yellow('?'), pass: paint.green('✓') }[verdict];
}

export function verdictWord(verdict: Verdict, paint: Paint): string {
  const word = verdict.toUpperCase();
  return paint.bold({ fail: paint.red(word), unknown: paint.yellow(word), pass: paint.green(word) }[verdict]);
}

/** A text from the run on one line of the screen, after so many columns that are taken. */
export function fitted(text: string, taken = 0): string {
  return shorten(visible(text), SCREEN.columns - taken);
}
