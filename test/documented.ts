import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

import yargs, { type CommandModule } from 'yargs';

/** A command line that stands in a document: `words` are what a shell would make of it, without what came before. */
export interface Documented {
  readonly file: string;
  readonly line: string;
  readonly words: readonly string[];
}

const root = path.join(import.meta.dirname, '..');
/** What comes before a command in a line: variables, `npx`, the command that installs. */
const BEFORE = /^(?:\$ |export |[A-Z_0-9]+=\S+ |npx (?=windtunnel))*/;
const COMMAND = /^(?:windtunnel |npx (?!windtunnel)|npm (?:run |test\b|start\b|ci\b)|python3? )/;

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
export async function commandModules(): Promise<Map<string, CommandModule>> {
  const folder = path.join(root, 'harness', 'commands');
  const files = (await readdir(folder)).filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'));
  const modules = await Promise.all(files.map((file) => import(path.join(folder, file))));
  const commands = modules.flatMap((exported: object) => Object.values(exported)).filter(isCommand);
  return new Map(commands.map((command) => [String(command.command).split(' ')[0] ?? '', command]));
}

function isCommand(exported: unknown): exported is CommandModule {
  return typeof exported === 'object' && exported !== null && 'command' in exported && 'handler' in exported;
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
