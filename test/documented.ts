import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

import yargs, { type CommandModule } from 'yargs';

import { yargsCommands } from '../harness/cli.ts';

/** The commands in the documents: `npm test` checks that each exists, and where each is run. */

/** A command line that stands in a document: `words` are what a shell would make of it, without what came before. */
export interface Documented {
  readonly file: string;
  readonly line: string;
  readonly words: readonly string[];
}

const root = path.join(import.meta.dirname, '..');
/** What comes before a command in a line: variables, `npx`, the command that installs. */
const BEFORE = /^(?:\$ |export |[A-Z_0-9]+=\S+ |npx (?=windtunnel))*/;
const COMMAND = /^(?:windtunnel |npx (?!windtunnel)|npm (?:run |test\b|start\b|ci\b)|uv run )/;

/** Documents that people read, without those that only quote what a program prints. */
export async function documents(): Promise<string[]> {
  const docs = (await readdir(path.join(root, 'docs'))).filter((file) => file.endsWith('.md')).sort();
  return [
    'README.md',
    'CONTRIBUTING.md',
    'SECURITY.md',
    ...docs.map((file) => `docs/${file}`),
    'docker/executor/README.md',
    'docker/kubernetes/README.md',
    'harness/invariants/README.md',
    'patches/README.md',
    'records/README.md',
    'records/track-record.md',
    'reference/README.md',
  ];
}

export async function documentedCommands(): Promise<Documented[]> {
  const found = await Promise.all(
    (await documents()).map(async (file) => {
      const lines = commandLines(await readFile(path.join(root, file), 'utf8'));
      return lines.map((line) => ({ file, line, words: wordsOf(line) }));
    }),
  );
  return found.flat();
}

/** Command lines in code blocks and code spans, each as it would be typed; comments beside them are left out. */
export function commandLines(markdown: string): string[] {
  const blocks: string[] = [];
  const prose = markdown.replace(/^ *```[^\n]*\n([\s\S]*?)^ *```/gm, (_, block: string) => {
    blocks.push(block);
    return '';
  });
  const indented = prose.match(/^ {4}\S.*$/gm) ?? [];
  const spans = [...prose.matchAll(/`([^`]+)`/g)].map(([, span = '']) => span.replace(/\s+/g, ' '));
  const lines = [...blocks, ...indented.map((line) => line.trim())]
    .flatMap((block) =>
      block
        .replace(/\\\n\s*/g, ' ')
        .replace(/\n\s+(?=\[)/g, ' ')
        .split('\n'),
    )
    .map((line) => line.replace(/ #.*| {3,}.*/, ''));
  return [...lines, ...spans]
    .flatMap((line) => line.split(/ && | >> | > |;/))
    .map((line) => line.trim().replace(BEFORE, '').trim())
    .filter((line) => COMMAND.test(`${line} `));
}

function wordsOf(line: string): string[] {
  // A synopsis: `[--build B | --target FILE]` allows both.
  const plain = line.replace(/[[\]]| \| /g, ' ');
  return (plain.match(/"[^"]*"|'[^']*'|\S+/g) ?? []).map((word) => word.replace(/^(["'])([\s\S]*)\1$/, '$2'));
}

/** Every command of the program, by its name, as yargs is given it. */
export function commandModules(): Map<string, CommandModule> {
  const commands = yargsCommands(() => undefined);
  return new Map(commands.map((command) => [String(command.command).split(' ')[0] ?? '', command]));
}

export type Parsed = Readonly<Record<string, unknown>>;

/** The arguments as the command would get them. Throws the sentence with which yargs refuses them. */
export async function parsed(command: CommandModule, words: readonly string[]): Promise<Parsed> {
  return await yargs([...words])
    .command({ ...command, handler: () => {} })
    .strict()
    .exitProcess(false)
    .help(false)
    .version(false)
    .fail((message, error) => {
      throw error ?? new Error(message);
    })
    .parseAsync();
}

const WRITES = 'writes into the tree; tests hold what it writes to the tree';

/** Where a documented command is run; `why` says what speaks against running it now. The first that fits counts. */
export interface Played {
  readonly lines: RegExp;
  readonly when: 'now' | 'nightly' | 'elsewhere';
  readonly why: string;
}

export const PLAYED: readonly Played[] = [
  {
    lines: /^windtunnel(?: (?:check|query(?: RUN "…")?|soak|…|COMMAND --help))?$/,
    when: 'elsewhere',
    why: 'names the command only',
  },
  {
    lines: /^windtunnel new |--invariants |^windtunnel check --test /,
    when: 'elsewhere',
    why: 'works on files of the reader: harness/judge/invariant-test.test.ts',
  },
  { lines: /^windtunnel known|--known /, when: 'elsewhere', why: 'test/known-command.test.ts has a file' },
  { lines: /^windtunnel (?:list|doctor)$/, when: 'now', why: '' },
  { lines: /^windtunnel (?:check|explain|query|report) RUN\b/, when: 'now', why: '' },
  { lines: /^windtunnel query DIR\//, when: 'elsewhere', why: 'a window of a soak: test/soak.long.test.ts' },
  { lines: /^windtunnel heal$/, when: 'elsewhere', why: 'test/heal-faults.e2e.test.ts has a run that was killed' },
  { lines: /^windtunnel (?:up \S+|down)$/, when: 'elsewhere', why: 'keeps a stack: test/stack.long.test.ts' },
  { lines: /--target /, when: 'elsewhere', why: 'needs a stack of the reader: test/stack.long.test.ts has one' },
  { lines: /\.\/|runs\/x|^windtunnel compare [AB] /, when: 'elsewhere', why: 'names files of the reader' },
  { lines: /\+(?:[A-Z]+\b|patches\/)/, when: 'elsewhere', why: 'test/patches.long.test.ts' },
  { lines: /^windtunnel run …/, when: 'elsewhere', why: 'shows one flag: test/metrics-server.test.ts' },
  { lines: /^windtunnel soak --resume/, when: 'elsewhere', why: 'test/soak.long.test.ts kills and resumes one' },
  { lines: /^windtunnel export\b/, when: 'elsewhere', why: 'needs a finding: test/export-command.test.ts has one' },
  { lines: /^windtunnel trend\b/, when: 'elsewhere', why: 'test/trend-command.test.ts writes one' },
  { lines: /^windtunnel upgrade\b/, when: 'elsewhere', why: 'test/upgrade.night.test.ts plays one' },
  { lines: /^windtunnel replay\b/, when: 'elsewhere', why: 'test/replay.e2e.test.ts plays one' },
  { lines: /^windtunnel script\b/, when: 'elsewhere', why: 'test/script.long.test.ts makes one' },
  { lines: /^windtunnel run race-/, when: 'elsewhere', why: 'played by npm run track-record' },
  { lines: /^windtunnel (?:run|soak|compare|calibrate)\b/, when: 'nightly', why: 'starts a stack: most of a minute' },
  { lines: /^npm (?:ci|start|test|run test:all)$/, when: 'elsewhere', why: '.ci/run, and the comparison nightly' },
  {
    lines: /^npm run (?:format|words|docker-settings|calibration-docs|conflicts|routes|track-record|sbom)\b/,
    when: 'elsewhere',
    why: WRITES,
  },
  {
    lines:
      /^npm run (?:truth-table|conformance|track-record|upgrades|remedies|retry-contract|known-night|news-delay)\b/,
    when: 'elsewhere',
    why: 'evidence of hours',
  },
  { lines: /^npm run fidelity\b/, when: 'elsewhere', why: 'it writes what the test reads' },
  {
    lines: /^npm run (?:documented|kill-on-target|nightly)\b/,
    when: 'elsewhere',
    why: 'nightly evidence of their own',
  },
  {
    lines: /^npm run (?:bench:judge|same-verdicts)\b.* RUN\b/,
    when: 'elsewhere',
    why: 'needs a record of the reader',
  },
  { lines: /^npm run bench:honesty -- --keep/, when: 'elsewhere', why: 'needs runs of the reader, and keeps them' },
  { lines: /^npm run bench:honesty -- --fit/, when: 'elsewhere', why: 'writes harness/statistics/between-runs.json' },
  { lines: /^npm run bench:/, when: 'nightly', why: 'measures for minutes' },
  { lines: /^npx vitest/, when: 'elsewhere', why: 'tests, which run by themselves' },
  { lines: /^uv run .* test\/check-statistics/, when: 'elsewhere', why: 'needs scipy; nightly evidence of its own' },
];

/** What is cut, so that a command of minutes takes seconds. */
const SHORT: Readonly<Record<string, string>> = {
  '--duration': '10s',
  '--window': '10s',
  '--seconds': '2',
  '--rounds': '1',
  '--runs': '1',
  '--workers': '300',
  '--operations': '50000',
  '--vus': '50',
  '--pairs': '2',
  '--defects': 'rtif-merge',
  '--out': 'stored',
};
/** Added where a command does not say how long. */
const LOAD: Readonly<Record<string, readonly string[]>> = {
  run: ['--duration', '10s'],
  compare: ['--duration', '10s', '--runs', '1'],
  soak: ['--duration', '20s', '--window', '10s'],
  calibrate: ['--duration', '10s', '--runs', '1', '--clean', '1', '--defects', 'rtif-merge'],
};
/** In place of what the reader fills in. */
const FILLED: Readonly<Record<string, string>> = {
  SCENARIO: 'seeds',
  BUILD: 'reference',
  'reference+DEFECT': 'reference+rtif-merge',
  N: '1',
  NAME: 'pause',
};

/** The command with its load cut, without its verdict's reader in mind; undefined where it cannot be filled in. */
export function shortened(words: readonly string[]): string[] | undefined {
  const name = words[0] === 'npm' ? words[2] : words[1];
  const filled = words.map((word, i) => SHORT[words[i - 1] ?? ''] ?? FILLED[word] ?? word);
  const added = (LOAD[name ?? ''] ?? []).filter((flag, i, all) => {
    const owner = flag.startsWith('--') ? flag : all[i - 1];
    return !filled.includes(owner ?? '');
  });
  const short = [...filled, ...added];
  return short.some((word) => /^[A-Z]+$|…/.test(word)) ? undefined : short;
}
