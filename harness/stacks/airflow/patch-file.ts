import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';

import { parsePatch, type StructuredPatch } from 'diff';

import { isRecordedPatch, patchName } from '../../model/build.ts';
import { messageOf, reasonOf, UsageError } from '../../model/errors.ts';
import { atPath } from './checkout.ts';

/** A patch of an installed Airflow: a file of `diff -u` or `git diff`. */
export interface Patch {
  /** Of its file, without the ending. */
  readonly name: string;
  readonly text: string;
  /** Of the text. */
  readonly sha256: string;
  readonly changes: readonly Change[];
  /** What it changes and no package has: tests, documents. */
  readonly leftOut: readonly string[];
}

/** Of one file. */
export interface Change {
  /** As the patch names it, without `a/` or `b/`. */
  readonly file: string;
  /**
   * Where it may be installed, below `site-packages`. Libraries that Airflow's packages share are copied into several
   * of them.
   */
  readonly places: readonly string[];
  readonly kind: 'change' | 'new' | 'removed';
  readonly diff: StructuredPatch;
}

const MOST_BYTES = 10 << 20;
/** Of the problems of one patch. */
const SAID = 4;

/** UsageError: the file cannot be read or is no patch of installed files, with all that is wrong. */
export function readPatch(file: string): Patch {
  if (isRecordedPatch(file)) {
    throw new UsageError(
      `${file} is how a run records a patch: name the file, of which that run has a copy in its folder patches/.`,
    );
  }
  try {
    const at = atPath(file);
    const stats = statSync(at);
    if (stats.isFile() && stats.size > MOST_BYTES) throw new UsageError('it is larger than 10 MB');
    return parse(patchName(file), readFileSync(at, 'utf8'));
  } catch (error) {
    throw new UsageError(`${file} is not a patch of Airflow: ${reasonOf(error)}.`, { cause: error });
  }
}

function parse(name: string, text: string): Patch {
  const changes: Change[] = [];
  const leftOut: string[] = [];
  const problems: string[] = [];
  for (const diff of diffsOf(text)) {
    const file = (diff.newFileName === '/dev/null' ? diff.oldFileName : diff.newFileName)?.replace(/^[ab]\//, '');
    if (file === undefined) {
      if (diff.hunks.length > 0) problems.push('it does not name the file that it changes (--- and +++)');
      continue;
    }
    if (isNotPackaged(file)) leftOut.push(file);
    else {
      const problem = problemOf(file, diff);
      if (problem !== undefined) problems.push(problem);
      else changes.push({ file, places: placesOfFile(file), kind: kindOf(diff), diff });
    }
  }
  if (problems.length === 0 && changes.length === 0) {
    problems.push(
      leftOut.length === 0
        ? 'it has no changes as `git diff` or `diff -u` writes them'
        : `no package has what it changes (${leftOut.slice(0, SAID).join(', ')})`,
    );
  }
  if (problems.length > 0) {
    const more = problems.length > SAID ? `; and ${problems.length - SAID} more` : '';
    throw new UsageError(problems.slice(0, SAID).join('; ') + more);
  }
  const sha256 = createHash('sha256').update(text).digest('hex');
  return { name, text, sha256, changes, leftOut };
}

function diffsOf(text: string): StructuredPatch[] {
  // `git format-patch` ends with its version, behind a line that looks as if it removed one.
  const plain = text.replace(/^-- \r?\n(?=\d+\.\d)/gm, '');
  try {
    return parsePatch(plain);
  } catch (error) {
    throw new UsageError(
      messageOf(error)
        .replace(/^./, (letter) => letter.toLowerCase())
        .trim(),
      { cause: error },
    );
  }
}

function kindOf({ oldFileName, newFileName, isCreate, isDelete }: StructuredPatch): Change['kind'] {
  if (oldFileName === '/dev/null' || isCreate) return 'new';
  return newFileName === '/dev/null' || isDelete ? 'removed' : 'change';
}

function problemOf(file: string, diff: StructuredPatch): string | undefined {
  if (/^\/|\\|(^|\/)\.\.?(\/|$)/.test(file)) return `${file} is not a path inside an installation`;
  if (diff.isRename || diff.isCopy) return `it renames or copies ${file}: write it with \`git diff --no-renames\``;
  if (diff.hunks.length > 0 || (diff.isBinary !== true && kindOf(diff) !== 'change')) return undefined;
  return `it changes no text of ${file}, and only text can be patched`;
}

const SHARED = /^shared\/[\w.-]+\/src\/airflow_shared\/(.+)$/;
const IN_PART = /^(?!airflow\/)(?:[\w.-]+\/)*?src\/(.+)$/;

/** Of a path as Airflow's repository has it, `airflow-core/src/airflow/…`, or as an installation has it. */
function placesOfFile(file: string): string[] {
  const [, shared] = SHARED.exec(file) ?? [];
  if (shared !== undefined) return ['airflow/_shared', 'airflow/sdk/_shared'].map((folder) => `${folder}/${shared}`);
  return [IN_PART.exec(file)?.[1] ?? file];
}

/** What the repository has around the packages. */
function isNotPackaged(file: string): boolean {
  if (file.startsWith('airflow/') || IN_PART.test(file)) return false;
  return (
    !file.includes('/') ||
    /(^|\/)(tests|docs|newsfragments|dev|scripts|chart|contributing-docs|\.[\w-]+)\//.test(file) ||
    /^[\w./-]+\/(pyproject\.toml|README\.\w+|hatch_build\.py|provider\.yaml)$/.test(file)
  );
}
