import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

import { expect, test } from 'vitest';

/**
 * From top to bottom. A file may import from its own folder and from floors below; what may be imported on the same
 * floor is listed. Folders of `harness/` by their name; `cli` is `harness/cli.ts`.
 */
const FLOORS: readonly (readonly string[])[] = [
  ['cli'],
  ['commands'],
  ['soak', 'upgrade', 'replay', 'script', 'export', 'calibrate', 'compare', 'doctor', 'new', 'known', 'trend'],
  ['run'],
  // The parts of a run do not know each other: `run` wires them. Reports are formats: they decide nothing.
  ['stacks', 'fleet', 'faults', 'director', 'record', 'judge', 'reports', 'console', 'k6'],
  ['worker', 'handoff', 'wire', 'run-folder', 'statistics', 'system', 'races', 'workloads', 'model', 'reference'],
  // Read as files: SQL and Python.
  ['invariants', 'docker'],
];

/** Between folders of one floor. `model` imports nothing. */
const SAME_FLOOR: Readonly<Record<string, readonly string[]>> = {
  worker: ['handoff', 'model'],
  handoff: ['model'],
  'run-folder': ['model'],
  statistics: ['model'],
  system: ['model'],
  wire: ['model'],
  races: ['model', 'workloads'],
  workloads: ['model'],
  console: ['reports'],
  director: ['fleet'],
  script: ['replay'],
  export: ['replay'],
  soak: ['known'],
  compare: ['known'],
};

/** Packages that reach a stack, a socket or a process: not for code that only reads what was written down. */
const WORLD =
  /from '(undici|pg|pg-logical-replication|node:(net|http|https|child_process|worker_threads)|@?[a-z-]*kubernetes[a-z-]*)'/;
const READERS = ['model', 'judge', 'reports', 'races', 'statistics'];

const root = path.join(import.meta.dirname, '..');

interface Source {
  readonly file: string;
  readonly folder: string;
  readonly text: string;
}

async function sources(): Promise<Source[]> {
  const files = (
    await Promise.all(
      ['harness', 'workloads', 'reports'].map(async (folder) =>
        (await readdir(path.join(root, folder), { recursive: true })).map((file) => path.join(folder, file)),
      ),
    )
  ).flat();
  return Promise.all(
    files
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && folderOf(file) !== 'testing')
      .map(async (file) => ({ file, folder: folderOf(file), text: await readFile(path.join(root, file), 'utf8') })),
  );
}

function folderOf(file: string): string {
  const [top = '', second = ''] = file.split(path.sep);
  if (top === 'workloads' && second === 'k6') return 'k6';
  if (top !== 'harness') return top;
  return second.endsWith('.ts') ? 'cli' : second;
}

/** The files that a file imports, at once or when it is asked for, or reads by a URL of its own. */
function importsOf({ file, text }: Source): string[] {
  return [...text.matchAll(/(?:from |import\(|new URL\()'(\.[^']+)'/g)].map(([, specifier = '']) =>
    path.join(path.dirname(file), specifier),
  );
}

/** `from → to`, with the file that needs it, for each import that leaves its folder. */
async function arrows(): Promise<{ from: string; to: string; file: string }[]> {
  return (await sources()).flatMap((source) =>
    importsOf(source)
      .map((target) => ({ from: source.folder, to: folderOf(target), file: source.file }))
      .filter(({ from, to }) => from !== to),
  );
}

function isAllowed(from: string, to: string): boolean {
  const floorOf = (folder: string) => FLOORS.findIndex((floor) => floor.includes(folder));
  if (floorOf(from) < 0 || floorOf(to) < 0) return false;
  return floorOf(from) < floorOf(to) || (SAME_FLOOR[from] ?? []).includes(to);
}

test('imports go down the floors', async () => {
  expect((await arrows()).filter(({ from, to }) => !isAllowed(from, to))).toEqual([]);
});

test('no file imports itself by way of others', async () => {
  const imports = new Map((await sources()).map((source) => [source.file, importsOf(source)]));
  const circles: string[] = [];
  const done = new Set<string>();
  const follow = (file: string, way: readonly string[]): void => {
    if (way.includes(file)) circles.push([...way.slice(way.indexOf(file)), file].join(' → '));
    if (way.includes(file) || done.has(file)) return;
    for (const next of imports.get(file) ?? []) follow(next, [...way, file]);
    done.add(file);
  };
  for (const file of imports.keys()) follow(file, []);
  expect(circles).toEqual([]);
});

test('each arrow between folders of one floor is used', async () => {
  const all = await arrows();
  const granted = Object.entries(SAME_FLOOR).flatMap(([from, tos]) => tos.map((to) => ({ from, to })));
  expect(granted.filter((grant) => !all.some(({ from, to }) => from === grant.from && to === grant.to))).toEqual([]);
});

test('code that judges or reports sees no socket, no process and no clock', async () => {
  const offenders = (await sources())
    .filter(({ folder }) => READERS.includes(folder))
    .filter(({ text }) => WORLD.test(text) || /\bDate\.now\(\)|performance\.now\(\)/.test(text))
    .map(({ file }) => file);
  expect(offenders).toEqual([]);
});

test('a life needs nothing of Node, so that k6 can play it', async () => {
  const lives = (await sources()).filter(({ folder }) => folder === 'worker');
  expect(lives.length).toBeGreaterThan(3);
  // What is a type only is gone when it runs.
  const needs =
    /^import (?!type ).*from '(?!\.\.?\/)|\b(AbortController|AbortSignal\.|process\.|performance\.|Buffer\b)/m;
  expect(lives.filter(({ text }) => needs.test(text)).map(({ file }) => file)).toEqual([]);
});

test('only the code that starts stacks knows the reference stack', async () => {
  const users = (await arrows()).filter(({ to }) => to === 'reference').map(({ from }) => from);
  expect([...new Set(users)]).toEqual(['stacks']);
});

test('the reference stack knows nothing of the harness', async () => {
  const files = (await readdir(path.join(root, 'reference'), { recursive: true })).filter(
    (file) => file.endsWith('.ts') && !/(\.test|\/test-[a-z]+)\.ts$/.test(file),
  );
  const texts = await Promise.all(files.map((file) => readFile(path.join(root, 'reference', file), 'utf8')));
  expect(files.length).toBeGreaterThan(40);
  expect(files.filter((_, i) => /from '(\.\.\/)+(harness|reports|workloads)\//.test(texts[i] ?? ''))).toEqual([]);
});

test('files stay short enough to be read', async () => {
  const long = (await sources())
    .map(({ file, text }) => ({ file, lines: text.split('\n').length }))
    .filter(({ lines }) => lines > 330)
    .map(({ file, lines }) => `${file}: ${lines} lines`);
  expect(long).toEqual([]);
});

test('a command parses, calls, prints and exits: the work is elsewhere', async () => {
  const commands = (await sources()).filter(({ folder }) => folder === 'commands');
  expect(commands.length).toBeGreaterThan(10);
  expect(commands.filter(({ text }) => text.split('\n').length > 100).map(({ file }) => file)).toEqual([]);
});

/** The wall clock may be set while we run: dates come from it, and times of a process that has no other clock. */
const DATES = ['harness/stacks/airflow/releases.ts', 'harness/worker/remote-clock.ts'];

test('durations and deadlines are those of a monotonic clock', async () => {
  const found = (await sources()).filter(({ text }) => /\bDate\.now\(/.test(text)).map(({ file }) => file);
  expect(found.sort()).toEqual(DATES);
});
