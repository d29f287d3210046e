import type { Argv } from 'yargs';
import { CrashError, InterruptedError, pathProblem, StackError, UsageError } from '../model/errors.ts';
import type { Judgement, Verdict } from '../model/verdict.ts';

/** A command of the program: its flags, and what it does with them. Its name and its one line of help are in cli.ts. */
export interface CliCommand<Flags> {
  builder(args: Argv): Argv<Flags>;
  /** Rejects with a UsageError that lists all that is wrong with the flags; starts and writes nothing. */
  check?(flags: Flags): Promise<unknown>;
  /** Resolves to the exit code (EXIT_CODE); what is thrown has its own. */
  handler(flags: Flags): Promise<number>;
}

/** A command of any flags. */
export interface AnyCliCommand {
  builder(args: Argv): unknown;
  check?(flags: never): Promise<unknown>;
  handler(flags: never): Promise<number>;
}

/** Part of the interface: CI reads these. Only 1 says that the build failed. */
export const EXIT_CODE = { pass: 0, fail: 1, usage: 2, unknown: 3, stack: 4, crash: 70, interrupted: 130 } as const;

export function exitCodeOfVerdict(verdict: Verdict): number {
  return EXIT_CODE[verdict];
}

/** Of a run or a soak: with known findings only what is new or worse is a failure. */
export function verdictForExit({ verdict, known }: Pick<Judgement, 'verdict' | 'known'>): Verdict {
  return known?.verdict ?? verdict;
}

export function exitCodeOfError(error: unknown): number {
  if (error instanceof UsageError || pathProblem(error)) return EXIT_CODE.usage;
  if (error instanceof StackError) return EXIT_CODE.stack;
  if (error instanceof InterruptedError) return EXIT_CODE.interrupted;
  if (error instanceof Error && error.name === 'AbortError') return EXIT_CODE.interrupted;
  return EXIT_CODE.crash;
}

const EXPLAINED = [UsageError, StackError, InterruptedError, CrashError];

/** A sentence for what the user or the stack did; the stack trace for what we did. */
export function textOfError(error: unknown): string {
  const problem = pathProblem(error);
  if (problem) return problem;
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'AbortError') return 'Interrupted.';
  const isExplained = EXPLAINED.some((kind) => error instanceof kind);
  return isExplained ? error.message : (error.stack ?? error.message);
}
