import type { Argv } from 'yargs';

/** A command of the program: its flags, and what it does with them. Its name and its one line of help are in cli.ts. */
export interface CliCommand<Flags> {
  builder(args: Argv): Argv<Flags>;
  /** Resolves to the exit code (exit-code.ts); what is thrown has its own. */
  handler(flags: Flags): Promise<number>;
}

/** A command whose flags do not matter. */
export interface AnyCliCommand {
  builder(args: Argv): unknown;
  handler(flags: never): Promise<number>;
}
