import { verdictText } from '../../reports/terminal/report.ts';
import type { Judgement } from '../model/verdict.ts';
import { printJson } from './print.ts';

interface PrintOptions {
  readonly json?: boolean | undefined;
  /** The user's own invariants. */
  readonly own?: readonly { readonly name: string }[] | undefined;
}

/** `--json` prints one document on stdout and nothing else there; without it the summary. */
export function printJudgement(judgement: Judgement, { json, own = [] }: PrintOptions): void {
  if (json) printJson(judgement);
  else process.stdout.write(`${verdictText(judgement, { color: wantsColor(), own: own.map(({ name }) => name) })}\n`);
}

export function wantsColor(): boolean {
  return process.stdout.isTTY === true && !process.env.NO_COLOR;
}
