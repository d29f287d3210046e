import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { reasonOf, UsageError } from '../../model/errors.ts';
import { checkRelease } from './releases.ts';

/**
 * What a release was installed from: each package with its version and the hashes of its files, in the format of
 * requirements that uv and pip read.
 */
export interface Lock {
  readonly text: string;
  /** Of the text. */
  readonly sha256: string;
  /** Of Airflow. */
  readonly version: string;
  /** `3.11`, for which it was resolved; absent in a lock that does not say it. */
  readonly python?: string;
}

const FIRST_LINE = /^# Airflow \S+ for Python (3\.\d+) on \S+, as of \S+\.$/m;

/** A wheel runs no code when it is installed, and an extra index could serve other packages: no other option. */
const OPTION = /^--only-binary[ =]:all:$/;
const PACKAGE =
  /^([\w.-]+)(?:\[[\w,.\- ]+\])?==([\w.!+-]+)(?: *;[\w.\s'"()<>=!~,-]*?)?((?: +--hash=sha256:[0-9a-f]{64})*)$/;
/** What two programs might not take for the same lines. */
const UNPRINTABLE = /[^\n\x20-\x7e]/;
const NEEDED = ['apache-airflow', 'apache-airflow-providers-postgres'];
/** Of the problems of one lock. */
const SAID = 4;

/** UsageError: the file cannot be read or is no lock of an Airflow that can be tested, with all that is wrong. */
export function readLock(file: string): Lock {
  try {
    return lockOf(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new UsageError(
      `${file} is not a lock of Airflow: ${reasonOf(error)}. Name one that a run has kept, RUN/airflow.lock.txt.`,
      { cause: error },
    );
  }
}

/** The lock of a resolution, with a first line for people and for `readLock`. */
export function newLock(
  requirements: string,
  { version, python, asOf }: { readonly version: string; readonly python: string; readonly asOf: string },
): Lock {
  const platform = `${process.platform}-${process.arch}`;
  const minor = python.split('.').slice(0, 2).join('.');
  const line = `# Airflow ${version} for Python ${minor} on ${platform}, as of ${asOf}.`;
  return lockOf(`${line}\n${requirements}`);
}

/** A package at a version, with the sha256 of each of its files. */
export interface LockedPackage {
  /** Normalized: `apache-airflow`. */
  readonly name: string;
  readonly version: string;
  readonly hashes: readonly string[];
}

/** The packages of a file of requirements, and what in it is none, a sentence each. */
export function lockedPackages(text: string): { packages: LockedPackage[]; problems: string[] } {
  if (UNPRINTABLE.test(text)) return { packages: [], problems: ['it has characters that are not printable ASCII'] };
  const problems: string[] = [];
  const packages = statements(text).flatMap(({ number, line }): LockedPackage[] => {
    if (OPTION.test(line)) return [];
    const [, name, version = '', stated = ''] = PACKAGE.exec(line) ?? [];
    const hashes = stated.match(/[0-9a-f]{64}/g) ?? [];
    if (name === undefined) problems.push(`line ${number} is not PACKAGE==VERSION with hashes: ${line.slice(0, 60)}`);
    else if (hashes.length === 0) problems.push(`line ${number}, ${name}, has no --hash=sha256:…`);
    else return [{ name: name.toLowerCase().replace(/[-_.]+/g, '-'), version, hashes }];
    return [];
  });
  return { packages, problems };
}

function lockOf(text: string): Lock {
  const { packages, problems } = lockedPackages(text);
  const versionOf = (name: string) => packages.find((one) => one.name === name)?.version;
  const missing = NEEDED.filter((name) => versionOf(name) === undefined);
  if (problems.length === 0) problems.push(...missing.map((name) => `it has no ${name}`));
  if (problems.length > 0) {
    const more = problems.length > SAID ? `; and ${problems.length - SAID} more` : '';
    throw new UsageError(problems.slice(0, SAID).join('; ') + more);
  }
  const version = versionOf('apache-airflow') ?? '';
  checkRelease(version);
  const python = FIRST_LINE.exec(text)?.[1];
  const sha256 = createHash('sha256').update(text).digest('hex');
  return { text, sha256, version, ...(python === undefined ? {} : { python }) };
}

/** Without comments, each with the number of its first line; a line that ends in a backslash continues in the next. */
function statements(text: string): { number: number; line: string }[] {
  const found: { number: number; line: string }[] = [];
  let open: { number: number; line: string } | undefined;
  for (const [i, whole] of text.split('\n').entries()) {
    // One space each: the pattern takes quadratic time over many.
    const line = whole.trim().replace(/ +/g, ' ');
    if (open === undefined && (line === '' || line.startsWith('#'))) continue;
    open ??= { number: i + 1, line: '' };
    open.line = `${open.line} ${line.replace(/\\$/, '').trim()}`.trim();
    if (line.endsWith('\\')) continue;
    found.push(open);
    open = undefined;
  }
  return open === undefined ? found : [...found, open];
}
