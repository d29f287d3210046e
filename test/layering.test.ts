import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

import { expect, test } from 'vitest';

/** Arrows point from detail to idea. `model` is the bottom; only `commands` and `cli` see everything. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  model: [],
  // How a run's tables lie on disk, for those who write them and those who read them.
  tables: ['model'],
  judge: ['model', 'tables'],
  reports: ['model'],
  workloads: ['model'],
  k6: ['model', 'handoff', 'life'],
  handoff: ['model'],
  // A stack of its own, which knows nothing of the harness; only who starts it knows what can be switched on.
  reference: [],
  stacks: ['model', 'record', 'reference', 'wire'],
  // Knows PostgreSQL's protocol and nothing of Airflow.
  wire: [],
  record: ['model', 'stacks', 'tables'],
  // The same lives on every engine: k6 has neither Node nor what reaches the world through it.
  life: ['model', 'handoff'],
  fleet: ['model', 'handoff', 'record', 'life'],
  faults: ['model', 'stacks', 'record', 'wire'],
  // Plays runs that it is given: it knows neither a stack nor which defects there are.
  calibrate: ['model'],
  // The windows of a soak together, from what their verdicts say.
  soak: ['model', 'reports'],
  // The fleet as it is, against a stub, in processes of their own.
  self: ['model', 'stacks', 'record', 'fleet'],
  run: ['model', 'stacks', 'record', 'fleet', 'faults'],
  commands: [
    'model',
    'judge',
    'reports',
    'workloads',
    'stacks',
    'record',
    'fleet',
    'faults',
    'handoff',
    'run',
    'wire',
    'calibrate',
    'self',
    'soak',
    'reference',
    'harness',
  ],
};

/** Packages that reach a stack, a socket or a process: not for those who only read what was written down. */
const WORLD =
  /from '(undici|pg|pg-logical-replication|node:(net|http|https|child_process|worker_threads)|@?[a-z-]*kubernetes[a-z-]*)'/;
const PURE = ['model', 'tables', 'judge', 'reports', 'soak'];
/** For tests, beside what they test. */
const TESTS_ONLY = /(\.test|\/test-database|\/one-life)\.ts$/;

const root = path.join(import.meta.dirname, '..');

async function sources(): Promise<{ file: string; layer: string; text: string }[]> {
  const files = (
    await Promise.all(
      ['harness', 'workloads', 'reports', 'reference'].map(async (folder) =>
        (await readdir(path.join(root, folder), { recursive: true })).map((file) => path.join(folder, file)),
      ),
    )
  ).flat();
  return Promise.all(
    files
      .filter((file) => file.endsWith('.ts') && !TESTS_ONLY.test(file))
      .map(async (file) => ({ file, layer: layerOf(file), text: await readFile(path.join(root, file), 'utf8') })),
  );
}

function layerOf(file: string): string {
  const [top = '', second = ''] = file.split(path.sep);
  if (top === 'workloads' && second === 'k6') return 'k6';
  return top === 'harness' && second.endsWith('.ts') ? 'harness' : top === 'harness' ? second : top;
}

test('imports follow the layering', async () => {
  const offenders: string[] = [];
  const all = await sources();
  for (const { file, layer, text } of all) {
    const allowed = MAY_IMPORT[layer];
    if (!allowed) continue;
    for (const [, specifier = ''] of text.matchAll(/from '(\.[^']+)'/g)) {
      const other = layerOf(path.join(path.dirname(file), specifier));
      if (other !== layer && !allowed.includes(other)) offenders.push(`${file} imports ${specifier}`);
    }
  }
  expect(all.length).toBeGreaterThan(40);
  expect(offenders).toEqual([]);
});

test('whoever judges or reports sees no socket, no process and no clock', async () => {
  const offenders = (await sources())
    .filter(({ layer }) => PURE.includes(layer))
    .filter(
      ({ file, text }) =>
        WORLD.test(text) || (/\bDate\.now\(\)|performance\.now\(\)/.test(text) && !file.endsWith('live.ts')),
    )
    .map(({ file }) => file);
  expect(offenders).toEqual([]);
});

test('a life needs nothing of Node, so that k6 can play it', async () => {
  const lives = (await sources()).filter(({ layer }) => layer === 'life');
  expect(lives.length).toBeGreaterThan(3);
  // What is a type only is gone when it runs.
  const needs =
    /^import (?!type ).*from '(?!\.\.?\/)|\b(AbortController|AbortSignal\.|process\.|performance\.|Buffer\b)/m;
  expect(lives.filter(({ text }) => needs.test(text)).map(({ file }) => file)).toEqual([]);
});

test('files stay short enough to be read', async () => {
  const long = (await sources())
    .map(({ file, text }) => ({ file, lines: text.split('\n').length }))
    .filter(({ lines }) => lines > 330)
    .map(({ file, lines }) => `${file}: ${lines} lines`);
  expect(long).toEqual([]);
});
