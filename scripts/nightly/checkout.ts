import { execFileSync, spawnSync } from 'node:child_process';

/** What a nightly itself writes: it does not make the code another one. */
const NOT_CODE = ['.', ':!records', ':!runs'];

/** The commit of the code: `3e074a0`, or `3e074a0-dirty` if files outside of records/ have uncommitted changes. */
export function commitOf(root: string): string {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
  const changed = git('status', '--porcelain', '--', ...NOT_CODE);
  return `${git('rev-parse', '--short', 'HEAD')}${changed === '' ? '' : '-dirty'}`;
}

/** Whether two commits differ in nothing but records. Uncommitted changes are never the same. */
export function hasSameCode(root: string, one: string, other: string): boolean {
  if (one.endsWith('-dirty') || other.endsWith('-dirty')) return false;
  if (one === other) return true;
  return spawnSync('git', ['diff', '--quiet', one, other, '--', ...NOT_CODE], { cwd: root }).status === 0;
}
