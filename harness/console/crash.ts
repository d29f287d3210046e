import { EXIT_CODE } from './command.ts';

/** What broke may be what the end of the run waits for. */
const END_MS = 300_000;

let endInOrder: ((error: unknown) => void) | undefined;

/** `end` is called with the first uncaught error, and ends what is under way in order. */
export function onCrash(end: (error: unknown) => void): void {
  endInOrder = end;
}

/**
 * From here on an uncaught error does not end the process at once, with Node's exit code 1, the code of a
 * violation: it is printed, what is under way ends in order, heals, and the exit code is 70.
 */
export function endOnCrash(): void {
  let hasCrashed = false;
  process.on('uncaughtException', (error: unknown) => {
    console.error(`\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    if (hasCrashed) return;
    hasCrashed = true;
    process.on('exit', () => {
      process.exitCode = EXIT_CODE.crash;
    });
    if (endInOrder === undefined) process.exit(EXIT_CODE.crash);
    setTimeout(() => {
      console.error('Exiting, because the end takes too long. Run `windtunnel heal` to clean up what is left.');
      process.exit(EXIT_CODE.crash);
    }, END_MS).unref();
    endInOrder(error);
  });
}
