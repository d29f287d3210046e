import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Plain words: how often each banned word still stands in the tree, which exported names are used twice, and how many
 * lines are too wide. `test/words.json` has the limits, which may only become smaller: `npm run words` lowers them.
 */
export interface Wording {
  /** A word of BANNED, and how often it occurs in code, SQL, documents, YAML and the titles of tests. */
  readonly words: Readonly<Record<string, number>>;
  /** Lines over 120 columns, by kind of file; in Markdown those that are prose. */
  readonly wide: Readonly<Record<string, number>>;
  /** Names of types and functions that more than one file exports. */
  readonly duplicates: readonly string[];
}

const WIDTH = 120;
const root = path.join(import.meta.dirname, '..');
export const LIMITS = path.join(root, 'test', 'words.json');

/**
 * The word, or several in a row, and what to write instead. Names are split where their case changes, so that
 * `calledOff`, `called_off` and "called off" are the same.
 */
export const BANNED: Readonly<Record<string, string>> = {
  deed: 'action',
  deeds: 'actions',
  told: 'notified, reported, configured',
  tell: 'notify, report, distinguish',
  tells: 'notifies, reports, distinguishes',
  heard: 'accepted, received',
  unheard: 'without an accepted heartbeat',
  birth: 'life spec, start',
  fate: 'life plan, outcome',
  twin: 'duplicate',
  stranger: 'impostor',
  strangers: 'impostors',
  mischief: 'misbehaviour',
  struck: 'hit, affected',
  stampede: 'thundering herd',
  lent: 'handed to k6, remote',
  lend: 'hand to k6',
  lending: 'handing to k6',
  borrowed: 'remote',
  nobody: 'no process, no one',
  whoever: 'the process that, everyone who',
  anew: 'again',
  whose: 'of which, with (sparingly)',
  borne: 'carried',
  meanwhile: 'at the same time, while',
  'goes on': 'continues',
  gentle: 'not exercised enough',
  promise: 'invariant',
  promises: 'invariants',
  chance: 'exercised, probability',
  chances: 'exercised',
  book: 'requestLog',
  desk: 'RemoteWorkerServer',
  'called off': 'cancelled',
  'come to rest': 'become quiescent',
  'at rest': 'quiescent',
  'lend at': 'worker-listen',
  seldom: 'rarely',
  mend: 'fix',
  mends: 'fixes',
  mended: 'fixed',
  somebody: 'a client, another process',
  everybody: 'all processes, every client',
  anybody: 'any process',
  accuse: 'find a violation',
  accuses: 'is a violation',
  accused: 'a violation was found',
  'held against': 'compared with, a violation of',
  'stood still': 'stalled, was suspended',
  'stands still': 'stalls, is suspended',
};

/** What looks like a banned word and is none: removed from a text before it is counted. */
const LEGITIMATE: readonly RegExp[] = [
  // JavaScript's own.
  /\bPromise\b/g,
  /\b(node:)?(fs|timers|stream|dns)\/promises\b/g,
  /\bpromisify\b/g,
  // The name of an invariant, which stored verdicts and the history of a build refer to.
  /\bwork-goes-on\b/g,
  // The user that runs PostgreSQL for root.
  /"nobody"|\^nobody:/g,
  // A draw with a probability, and the rules of a proxy.
  /\brng\.chance\(|\bexpected\.chance\(|^ {2}chance\(probability|#rng\.chance\(|\bRuleBook\b/gm,
];

/** The word itself is fine elsewhere; in this form it has another name. */
const FORMS: Readonly<Record<string, { pattern: RegExp; files: RegExp }>> = {
  'together(': { pattern: /\btogether\(/g, files: /\.ts$/ },
  '-- seed:': { pattern: /^-- seeds?:/gm, files: /\.sql$/ },
  '-- broken:': { pattern: /^-- broken:/gm, files: /\.sql$/ },
  'AS path': { pattern: /\bAS path\b/g, files: /(invariants|findings)\/[^/]+\.sql$/ },
  'AS weight': { pattern: /\bAS weight\b/g, files: /\.sql$/ },
  'p = <': { pattern: /p = </g, files: /\.(ts|md)$/ },
};

/** The list itself, what it replaced, and data. */
const NOT_READ = /^(test\/words\.(ts|test\.ts|json)|CHANGELOG\.md|records\/.*\.json|test\/conformance\/recorded\/.*)$/;
/** Reports that windtunnel wrote: one line a paragraph. */
const RENDERED = /^records\/samples\//;
const READ = /(\.(ts|mjs|sql|md|ya?ml|py|css|sh|toml)|Dockerfile|^\.ci\/run)$/;
const EXPORTING = /^(harness|reports|workloads)\/.*\.ts$/;

export interface SourceText {
  readonly file: string;
  readonly text: string;
}

/** What git knows of, and what is new and not ignored. */
export function sourceTexts(): SourceText[] {
  const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: root, encoding: 'utf8' });
  return [...new Set(listed.split('\n'))]
    .filter((file) => READ.test(file) && !NOT_READ.test(file))
    .flatMap((file) => {
      try {
        return [{ file, text: readFileSync(path.join(root, file), 'utf8') }];
      } catch {
        return []; // Deleted, and not committed yet.
      }
    });
}

export function wordingOf(sources: readonly SourceText[]): Wording {
  const words = Object.fromEntries([...Object.keys(BANNED), ...Object.keys(FORMS)].map((word) => [word, 0]));
  const wide = { markdown: 0, sql: 0, typescript: 0 };
  for (const source of sources) {
    for (const [word, count] of Object.entries(countWords(source))) words[word] = (words[word] ?? 0) + count;
    if (RENDERED.test(source.file)) continue;
    if (source.file.endsWith('.md')) wide.markdown += wideProse(source.text).length;
    else if (source.file.endsWith('.sql')) wide.sql += wideLines(source.text).length;
    else if (source.file.endsWith('.ts')) wide.typescript += wideLines(source.text).length;
  }
  return {
    words,
    wide,
    duplicates: [...exporters(sources)].flatMap(([name, files]) => (files.length > 1 ? [name] : [])).sort(),
  };
}

export function countWords({ file, text }: SourceText): Record<string, number> {
  const plain = LEGITIMATE.reduce((rest, pattern) => rest.replace(pattern, ' '), text);
  const spaced = ` ${(plain.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+/g) ?? []).join(' ').toLowerCase()} `;
  const counts: Record<string, number> = {};
  for (const word of Object.keys(BANNED)) counts[word] = spaced.split(` ${word} `).length - 1;
  for (const [form, { pattern, files }] of Object.entries(FORMS))
    counts[form] = files.test(file) ? (text.match(pattern) ?? []).length : 0;
  return counts;
}

/** Where each word still stands, for the message of a failing test and for whoever removes it. */
export function placesOf(word: string, sources: readonly SourceText[]): string[] {
  return sources
    .map((source) => ({ file: source.file, count: countWords(source)[word] ?? 0 }))
    .filter(({ count }) => count > 0)
    .sort((a, b) => b.count - a.count)
    .map(({ file, count }) => `${file}: ${count}`);
}

/** Which files export a type or a function of a name. */
export function exporters(sources: readonly SourceText[]): Map<string, string[]> {
  const names = new Map<string, string[]>();
  const declaration =
    /^export (?:declare )?(?:async )?(?:abstract )?(?:(?:interface|type|class|function\*?) (\w+)|const (\w+) = (?:async )?\()/gm;
  for (const { file, text } of sources) {
    if (!EXPORTING.test(file) || file.endsWith('.test.ts')) continue;
    const own = new Set([...text.matchAll(declaration)].map(([, type, fn]) => type ?? fn ?? ''));
    for (const name of own) names.set(name, [...(names.get(name) ?? []), file]);
  }
  return names;
}

export function wideLines(text: string): string[] {
  return text.split('\n').filter((line) => [...line].length > WIDTH);
}

/** Not counted: code, tables, pictures, and what is wide only because of an address. */
export function wideProse(text: string): string[] {
  const prose = text.replace(/^(```|~~~)[\s\S]*?^\1/gm, '').replace(/^<!--[\s\S]*?-->/gm, '');
  return wideLines(prose).filter((line) => {
    const shown = line.replace(/\]\([^)]*\)/g, ']').replace(/https?:\/\/\S+/g, '');
    return !/^\s*[|<]/.test(line) && [...shown].length > WIDTH;
  });
}

/** The smaller of both; without a limit it is 0, so that what is gone stays gone. */
export function lowered(limits: Wording, now: Wording): Wording {
  const smaller = (old: Readonly<Record<string, number>>, found: Readonly<Record<string, number>>) =>
    Object.fromEntries(
      Object.entries(found)
        .map(([key, count]): [string, number] => [key, Math.min(count, old[key] ?? 0)])
        .filter(([, count]) => count > 0)
        .sort(([a], [b]) => a.localeCompare(b)),
    );
  return {
    words: smaller(limits.words, now.words),
    wide: smaller(limits.wide, now.wide),
    duplicates: now.duplicates.filter((name) => limits.duplicates.includes(name)),
  };
}

export function readLimits(): Wording {
  return JSON.parse(readFileSync(LIMITS, 'utf8'));
}

/** `npm run words` lowers the limits and prints the sum; `npm run words -- WORD` prints where a word still stands. */
function main(word: string | undefined): void {
  const sources = sourceTexts();
  if (word !== undefined) {
    console.log(placesOf(word, sources).join('\n'));
    return;
  }
  const limits = lowered(readLimits(), wordingOf(sources));
  writeFileSync(LIMITS, `${JSON.stringify(limits, undefined, 2)}\n`);
  const left = Object.entries(limits.words).sort(([, a], [, b]) => b - a);
  console.log(left.map(([name, count]) => `${String(count).padStart(5)}  ${name}`).join('\n'));
  console.log(`${limits.duplicates.length} exported names are used twice; lines over ${WIDTH}:`, limits.wide);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv[2]);
