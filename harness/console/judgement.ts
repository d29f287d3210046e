import { verdictText } from '../../reports/terminal/report.ts';
import type { Judgement } from '../model/verdict.ts';

/** `--json` prints one document on stdout and nothing else there; without it the summary. */
export function printJudgement(judgement: Judgement, json: boolean | undefined): void {
  if (json) process.stdout.write(`${JSON.stringify(judgement, null, 2)}\n`);
  else process.stdout.write(`${verdictText(judgement, { color: wantsColor() })}\n`);
}

export function wantsColor(): boolean {
  return process.stdout.isTTY === true && !process.env.NO_COLOR;
}
