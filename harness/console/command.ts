import type { Argv } from 'yargs';
import { InterruptedError, StackError, UsageError } from '../model/errors.ts';
import type { Verdict } from '../model/verdict.ts';

/** A command of the program: its flags, and what it does with them. Its name and its one line of help are in cli.ts. */
export interface CliCommand<Flags> {
  builder(args: Argv): Argv<Flags>;
  /** Resolves to the exit code (EXIT_CODE); what is thrown has its own. */
  handler(flags: Flags): Promise<number>;
}

/** A command whose flags do not matter. */
export interface AnyCliCommand {
  builder(args: Argv): unknown;
  handler(flags: never): Promise<number>;
}

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
