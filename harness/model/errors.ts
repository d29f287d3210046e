/** The user asked for something that cannot be done as asked. Printed as one sentence, exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The stack under test could not be set up, reached or kept running: says nothing about the build. Exit code 4. */
export class StackError extends Error {
  override readonly name = 'StackError';
}

/** What is needed from outside is not here: no Python, or no package index. Nothing was tried on a stack yet. */
export class UnavailableError extends StackError {}

/** The user (or the caller) ended the run early. Exit code 130. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError';
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
