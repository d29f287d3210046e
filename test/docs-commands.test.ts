import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { beforeAll, expect, test } from 'vitest';
import type { CommandModule } from 'yargs';

import { FAULTS } from '../harness/faults/index.ts';
import { findScenario } from '../harness/run/catalogue.ts';
import { knownBuild } from '../harness/stacks/start-build.ts';
import {
  commandLines,
  commandModules,
  type Documented,
  documentedCommands,
  type Parsed,
  PLAYED,
  parsed,
} from './documented.ts';

const root = path.join(import.meta.dirname, '..');
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');
const scripts: Readonly<Record<string, string>> = JSON.parse(read('package.json')).scripts;

let documented: Documented[];
let commands: Map<string, CommandModule>;

beforeAll(async () => {
  documented = await documentedCommands();
  commands = commandModules();
});

/** Stands for something that the reader fills in: RUN, DIR/windows/0007, B, ./my-branches.ts, staging.yaml. */
const isPlaceholder = (word: string) => /^[A-Z]+\b|\+[A-Z]+\b|\+\.\/|^…?$|^(airflow@)?\.{0,2}\/|^runs\//.test(word);

test('documents have commands of each kind', () => {
  const kinds = documented.map(({ words }) => words.slice(0, 2).join(' '));
  for (const kind of ['windtunnel run', 'windtunnel query', 'npm test', 'npx vitest']) expect(kinds).toContain(kind);
  expect(documented.length).toBeGreaterThan(80);
});

test('every windtunnel command in a document is one, with flags that it knows', async () => {
  const problems = await problemsOf('windtunnel', async ([, name = '', ...rest]) => {
    if (isPlaceholder(name)) return [];
    const command = commands.get(name);
    if (command === undefined) return [`there is no command "${name}"`];
    // A command that is only mentioned, `windtunnel query`, need not have what it works on.
    if (rest.length === 0) return [];
    return valueProblems(await parsed(command, [name, ...rest]));
  });
  expect(problems).toEqual([]);
});

test('every npm script in a document is one, and its program knows the flags', async () => {
  const problems = await problemsOf('npm', ([, verb = '', ...rest]) => {
    if (verb === 'ci') return [];
    const words = verb === 'run' ? rest.filter((word) => word !== '-s') : [verb, ...rest];
    const [name = '', ...args] = words;
    const script = scripts[name];
    if (script === undefined) return [`package.json has no script "${name}"`];
    const program = /\.\/bin\/typescript\.mjs (\S+)/.exec(script)?.[1];
    const text = program === undefined ? script : read(program);
    const flags = args.filter((word) => word.startsWith('--') && word.length > 2).map((flag) => flag.slice(2));
    return flags.flatMap((flag) => (knowsFlag(text, flag) ? [] : [`${program ?? name} has no flag --${flag}`]));
  });
  expect(problems).toEqual([]);
});

test('every other program and file that a document starts is there', async () => {
  const problems = await Promise.all([
    problemsOf('npx', ([, name = '', ...rest]) => [
      ...(existsSync(path.join(root, 'node_modules', '.bin', name)) ? [] : [`${name} is not installed`]),
      ...missingFiles(rest),
    ]),
    problemsOf('uv', ([, ...rest]) => missingFiles(rest)),
  ]);
  expect(problems.flat()).toEqual([]);
});

test('it is decided where each documented command is run', () => {
  const undecided = documented.filter(({ line }) => !PLAYED.some((rule) => rule.lines.test(line)));
  expect(undecided.map(({ file, line }) => `${file}: ${line}`)).toEqual([]);
  expect(PLAYED.filter(({ lines }) => !documented.some(({ line }) => lines.test(line)))).toEqual([]);
});

test('commands are found in blocks, in spans and behind variables, without the comments beside them', () => {
  const text = [
    'Type `npx windtunnel list`, not `list`.',
    '```',
    'TOKEN=x npx windtunnel run seeds --seed 1   # a comment',
    'npm ci && npm start      # both',
    'windtunnel soak S [--build B]',
    '                [--json]',
    '```',
  ].join('\n');
  expect(commandLines(text)).toEqual([
    'windtunnel run seeds --seed 1',
    'npm ci',
    'npm start',
    'windtunnel soak S [--build B] [--json]',
    'windtunnel list',
  ]);
});

test('a command that there is not, a flag or a choice that it has not, is refused', async () => {
  const run = commands.get('run');
  const report = commands.get('report');
  if (run === undefined || report === undefined) throw new Error('the commands run and report are missing');
  await expect(parsed(run, ['run', 'seeds', '--nope'])).rejects.toThrow(/nope/);
  await expect(parsed(report, ['report', 'RUN', '--format', 'nope'])).rejects.toThrow(/nope/);
  expect(await valueProblems({ scenario: 'nope', build: 'reference+nope', faults: 'nope' })).toHaveLength(3);
});

async function problemsOf(
  program: string,
  check: (words: readonly string[]) => string[] | Promise<string[]>,
): Promise<string[]> {
  const own = documented.filter(({ words: [first = ''] }) => first.startsWith(program));
  expect(own.length).toBeGreaterThan(0);
  const found = await Promise.all(
    own.map(async ({ file, line, words }) => {
      const problems = await Promise.resolve(check(words)).catch((error: Error) => [error.message]);
      return problems.map((problem) => `${file}: ${line}: ${problem}`);
    }),
  );
  return found.flat();
}

/** Scenarios, builds and faults that are named must exist. */
async function valueProblems({ scenario, build, builds, faults }: Parsed): Promise<string[]> {
  const given = (value: unknown) => (typeof value === 'string' && !isPlaceholder(value) ? [value] : []);
  const names = [...given(build), ...(Array.isArray(builds) ? builds.flatMap(given) : [])];
  const faultNames = given(faults).flatMap((list) => list.split(',').map((name) => name.split(':')[0] ?? ''));
  const known = [...FAULTS.map(({ name }) => name), 'all', 'none', 'a', 'b|all'];
  return [
    ...(await Promise.all(given(scenario).map((name) => refusal(() => findScenario(name, 1))))),
    ...(await Promise.all(names.map((name) => refusal(() => knownBuild(name))))),
    ...faultNames.map((name) => (known.includes(name) ? '' : `there is no fault "${name}"`)),
  ].filter((problem) => problem !== '');
}

async function refusal(ask: () => unknown): Promise<string> {
  try {
    await ask();
    return '';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** As an option of `parseArgs`: `seed: { type: …`, or `'at-once': {`. */
function knowsFlag(program: string, flag: string): boolean {
  return new RegExp(`^\\s*'?${flag}'?: \\{|\\b${flag}'?: \\{ type|--${flag}\\b`, 'm').test(program);
}

function missingFiles(words: readonly string[]): string[] {
  return words
    .filter((word) => /^[a-z][\w.-]*\/[\w./-]+$/.test(word) && !existsSync(path.join(root, word)))
    .map((word) => `${word} does not exist`);
}
