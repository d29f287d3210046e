import { InterruptedError, StackError, UsageError } from '../model/errors.ts';
import type { Verdict } from '../model/verdict.ts';

/** Part of the interface: CI reads these. Only 1 says that the build failed. */
const EXIT_CODE = { pass: 0, fail: 1, usage: 2, unknown: 3, stack: 4, crash: 70, interrupted: 130 } as const;

export function exitCodeOfVerdict(verdict: Verdict): number {
  return EXIT_CODE[verdict];
}

export function exitCodeOfError(error: unknown): number {
  if (error instanceof UsageError) return EXIT_CODE.usage;
  if (error instanceof StackError) return EXIT_CODE.stack;
  if (error instanceof InterruptedError) return EXIT_CODE.interrupted;
  if (error instanceof Error && error.name === 'AbortError') return EXIT_CODE.interrupted;
  return EXIT_CODE.crash;
}
