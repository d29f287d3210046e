import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { messageOf, reasonOf, UsageError } from '../model/errors.ts';
import { placesOf, SENTENCE_FORMATS } from './sentence.ts';

/**
 * An invariant or an assumption as it stands in its .sql file: a header of `-- key: value` lines, then sections that
 * begin with a line `-- name` of their own. docs/adding-an-invariant.md describes the format.
 */
export interface InvariantFile {
  readonly name: string;
  /** Where it stands, for messages. */
  readonly file: string;
  readonly header: Readonly<Record<string, string>>;
  readonly sections: Readonly<Record<string, string>>;
  /** In which line of the file the SQL of a section begins. */
  readonly lines: Readonly<Record<string, number>>;
  /** Brought by a user: what is wrong with its SQL is for the user to fix, and no doubt about the run. */
  readonly own: boolean;
}

export interface InvariantForm {
  readonly required: readonly string[];
  readonly optional: readonly string[];
  readonly sections: readonly string[];
  readonly optionalSections: readonly string[];
}

const folders = new Map<string, Promise<readonly InvariantFile[]>>();

/** All .sql files of a folder of ours, by name, read once a process. All that is wrong with them is one error. */
export function readInvariantFiles(folder: URL, form: InvariantForm): Promise<readonly InvariantFile[]> {
  const files = folders.get(folder.href) ?? readFolder(folder, form);
  folders.set(folder.href, files);
  return files;
}

async function readFolder(folder: URL, form: InvariantForm): Promise<InvariantFile[]> {
  const names = (await readdir(folder)).filter((file) => file.endsWith('.sql')).sort();
  const problems: string[] = [];
  const read = await Promise.all(
    names.map(async (name) => {
      const url = new URL(encodeURIComponent(name), folder);
      const text = await readFile(url, 'utf8');
      return parseInvariant({ file: fileURLToPath(url), text, form, problems });
    }),
  );
  if (problems.length > 0) throw new UsageError(problems.sort().join('\n'));
  return read;
}

/** A user's folder, which may change between two calls; what keeps it from being read is one error. */
export async function readOwnFiles(folder: string, form: InvariantForm): Promise<readonly InvariantFile[]> {
  let files: readonly InvariantFile[];
  try {
    files = await readFolder(pathToFileURL(`${folder}/`), form);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`The invariants in ${folder} cannot be read: ${reasonOf(error)}.`, { cause: error });
  }
  if (files.length === 0) throw new UsageError(`There is no .sql file in ${folder}.`);
  return files.map((file) => ({ ...file, own: true }));
}

interface Parsed {
  readonly file: string;
  readonly text: string;
  readonly form: InvariantForm;
  /** What is wrong is added here, as `FILE:LINE: problem`. */
  readonly problems: string[];
}

export function parseInvariant({ file, text, form, problems }: Parsed): InvariantFile {
  const header: Record<string, string> = {};
  const sections: Record<string, string> = {};
  const lines: Record<string, number> = {};
  const wrong = (line: number, problem: string) => problems.push(`${file}:${line}: ${problem}`);
  let key: string | undefined;
  let section: string | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const opened = /^-- (\w+)$/.exec(line)?.[1];
    if (opened && [...form.sections, ...form.optionalSections].includes(opened)) {
      section = opened;
      sections[section] = '';
    } else if (section) {
      if (sections[section] === '' && line.trim() === '') continue;
      lines[section] ??= index + 1;
      sections[section] += `${line}\n`;
    } else {
      key = headerLine(line, key, header, (problem) => wrong(index + 1, problem));
      if (key !== undefined && !isKnown(key, form)) {
        wrong(index + 1, `there is no header "${key}"; there are ${[...form.required, ...form.optional].join(', ')}`);
        delete header[key];
        key = undefined;
      }
    }
  }
  for (const wanted of form.required) if (!header[wanted]) wrong(1, `a line "-- ${wanted}: …" is missing`);
  for (const wanted of form.sections)
    if (!sections[wanted]?.trim()) wrong(1, `the section "-- ${wanted}" is missing or empty`);
  for (const [name, template] of Object.entries(header)) {
    if (!name.startsWith('sentence')) continue;
    for (const format of placesOf(template).unknownFormats)
      wrong(1, `there is no format "${format}" for a sentence; there are ${SENTENCE_FORMATS.join(', ')}`);
  }
  const wanted = header['min-exercised'];
  if (wanted !== undefined && !/^\d+$/.test(wanted))
    wrong(1, `"min-exercised" must be a whole number, not "${wanted}"`);
  const name = file.replace(/^.*[/\\]/, '').replace(/\.sql$/, '');
  const trimmed = Object.entries(sections).map(([one, sql]) => [one, sql.trim().replace(/;$/, '')] as const);
  return { name, file, header, sections: Object.fromEntries(trimmed), lines, own: false };
}

function isKnown(key: string, { required, optional }: InvariantForm): boolean {
  const base = key.replace(/\[.+\]$/, '[variant]');
  return required.includes(key) || optional.includes(base);
}

/** `-- key: value` begins an entry, `--   more` continues it; blank lines part. */
function headerLine(
  line: string,
  key: string | undefined,
  header: Record<string, string>,
  wrong: (problem: string) => void,
): string | undefined {
  const [, opened, value] = /^-- ([a-z][a-z-]*(?:\[[^\]]+\])?): (.+)$/.exec(line) ?? [];
  if (opened !== undefined && value !== undefined) {
    if (opened in header) wrong(`"${opened}" stands here a second time`);
    header[opened] = value.trim();
    return opened;
  }
  const more = /^-- {3}(.+)$/.exec(line)?.[1];
  if (more !== undefined && key !== undefined) {
    header[key] += ` ${more.trim()}`;
    return key;
  }
  if (line.trim() !== '') wrong(`this line is neither header nor section: ${line}`);
  return undefined;
}

/** An error of a section's SQL as `FILE:LINE: DuckDB's words`. */
export function located({ file, lines }: InvariantFile, section: string, error: unknown): UsageError {
  const message = messageOf(error);
  const within = Number(/\nLINE (\d+):/.exec(message)?.[1] ?? 1);
  const line = (lines[section] ?? 1) + within - 1;
  return new UsageError(`${file}:${line}: ${message.split('\n')[0]}`, { cause: error });
}
