import { jsonText, visibleLines } from '../../reports/words.ts';

/** A sentence on stderr. It may hold words of a run or of a file: what a terminal would obey is made visible. */
export function say(text: string): void {
  console.error(visibleLines(text));
}

/** One JSON document on stdout. */
export function printJson(value: unknown): void {
  process.stdout.write(`${jsonText(value)}\n`);
}
