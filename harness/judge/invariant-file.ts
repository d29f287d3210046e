import { readdir, readFile } from 'node:fs/promises';

/**
 * A promise or an assumption as it stands in its .sql file: a header of `-- key: value` lines, then sections that
 * begin with a line `-- name` of their own. harness/invariants/README.md describes the format for whoever adds one.
 */
export interface InvariantFile {
  readonly name: string;
  readonly header: Readonly<Record<string, string>>;
  readonly sections: Readonly<Record<string, string>>;
}

export interface InvariantForm {
  readonly required: readonly string[];
  readonly optional: readonly string[];
  readonly sections: readonly string[];
  readonly optionalSections: readonly string[];
}

const folders = new Map<string, Promise<readonly InvariantFile[]>>();

/** All .sql files of a folder, by name, read once a process. A malformed one is a defect of ours, and says where. */
export function readInvariantFiles(folder: URL, form: InvariantForm): Promise<readonly InvariantFile[]> {
  const files = folders.get(folder.href) ?? readFolder(folder, form);
  folders.set(folder.href, files);
  return files;
}

async function readFolder(folder: URL, form: InvariantForm): Promise<InvariantFile[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.sql')).sort();
  return Promise.all(
    files.map(async (file) => parseInvariant(file.slice(0, -4), await readFile(new URL(file, folder), 'utf8'), form)),
  );
}

export function parseInvariant(name: string, text: string, form: InvariantForm): InvariantFile {
  const header: Record<string, string> = {};
  const sections: Record<string, string> = {};
  let key: string | undefined;
  let section: string | undefined;
  for (const line of text.split('\n')) {
    const opened = /^-- (\w+)$/.exec(line)?.[1];
    if (opened && [...form.sections, ...form.optionalSections].includes(opened)) {
      section = opened;
      sections[section] = '';
    } else if (section) {
      sections[section] += `${line}\n`;
    } else {
      key = headerLine(name, line, key, header);
    }
  }
  for (const wanted of form.required) if (!header[wanted]) throw new Error(`${name}.sql has no "-- ${wanted}:"`);
  for (const wanted of form.sections)
    if (!sections[wanted]?.trim()) throw new Error(`${name}.sql has no "-- ${wanted}"`);
  for (const there of Object.keys(header)) {
    if (![...form.required, ...form.optional].includes(there)) throw new Error(`${name}.sql: what is "-- ${there}:"?`);
  }
  return { name, header, sections: mapValues(sections, (sql) => sql.trim().replace(/;$/, '')) };
}

/** `-- key: value` begins an entry, `--   more` continues it; blank lines part. */
function headerLine(
  name: string,
  line: string,
  key: string | undefined,
  header: Record<string, string>,
): string | undefined {
  const [, opened, value] = /^-- ([a-z][a-z-]*): (.+)$/.exec(line) ?? [];
  if (opened !== undefined && value !== undefined) {
    header[opened] = value.trim();
    return opened;
  }
  const more = /^-- {3}(.+)$/.exec(line)?.[1];
  if (more !== undefined && key !== undefined) {
    header[key] += ` ${more.trim()}`;
    return key;
  }
  if (line.trim() === '') return undefined;
  throw new Error(`${name}.sql: this line is neither header nor section: ${line}`);
}

function mapValues(record: Record<string, string>, map: (value: string) => string): Record<string, string> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}
