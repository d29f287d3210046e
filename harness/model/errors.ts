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

/** An error in windtunnel itself, which has been printed: says nothing about the build. Exit code 70. */
export class CrashError extends Error {
  override readonly name = 'CrashError';
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What the file system says of a path. */
const PATH_PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  ENOTDIR: 'not a folder',
  EISDIR: 'a folder, where a file is needed',
  EEXIST: 'exists already',
  EACCES: 'not allowed',
  EPERM: 'not allowed',
};

/** Why a file could not be read or written, on one line: plain words for paths, else the first line of the message. */
export function reasonOf(error: unknown): string {
  return pathReason(error) ?? (messageOf(error).split('\n')[0] ?? '').replace(/[:.]$/, '');
}

/** The same, for an error that names a path of the user's; undefined for all others. */
export function pathProblem(error: unknown): string | undefined {
  const reason = pathReason(error);
  const { path, syscall = '' } = error as NodeJS.ErrnoException;
  // A program that is missing is no path of the user's.
  return reason === undefined || path === undefined || syscall.startsWith('spawn') ? undefined : `${path}: ${reason}.`;
}

function pathReason(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? PATH_PROBLEMS[String(error.code)] : undefined;
}
