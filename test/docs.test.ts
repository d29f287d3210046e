import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

import { expect, test } from 'vitest';

import { FINAL_TABLES, TABLES } from '../harness/model/tables.ts';
import { SCENARIOS } from '../harness/run/catalogue.ts';
import { TARGET } from '../harness/stacks/target-file.ts';
import { problemsOf } from '../workloads/problems.ts';
import { documents } from './documented.ts';

const root = path.join(import.meta.dirname, '..');
const read = (file: string) => readFile(path.join(root, file), 'utf8');

test('docs/run-folder.md names every table and every column', async () => {
  const text = await read('docs/run-folder.md');
  const finals = FINAL_TABLES.map((name) => `final_${name}`);
  expect([...Object.keys(TABLES), ...finals].filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
  // What types they have: harness/run-folder/close.test.ts.
  const undocumented = Object.entries(TABLES).flatMap(([table, columns]) => {
    const [, described = ''] = new RegExp(`^CREATE TABLE ${table} \\(([^;]*)\\);$`, 'm').exec(text) ?? [];
    return Object.keys(columns).filter((column) => !new RegExp(`\\b${column}\\b`).test(described));
  });
  expect(undocumented).toEqual([]);
});

test('docs/target.md names every field of a target file', async () => {
  const text = await read('docs/target.md');
  expect(Object.keys(TARGET.shape).filter((field) => !new RegExp(`^${field}:`, 'm').test(text))).toEqual([]);
});

test('the scenario in docs/scenarios.md is a valid one', async () => {
  const [, source = ''] =
    /export const scenario: Scenario = (\{[\s\S]*?\n\});/.exec(await read('docs/scenarios.md')) ?? [];
  const scenario: unknown = new Function(`return ${source}`)();
  expect(problemsOf(scenario)).toEqual([]);
});

test('every scenario that ships is valid', () => {
  for (const scenario of SCENARIOS) expect(problemsOf(scenario)).toEqual([]);
});

test('what is wrong with a scenario is said all at once, with its place', () => {
  const [seeds] = SCENARIOS;
  const broken = {
    ...seeds,
    duration_s: -1,
    fleet: { ...seeds?.fleet, habits: { ...seeds?.fleet.habits, fails: 2 } },
    dags: [{ dag_id: 'mine', schedule: null, past_runs: 0, max_active_runs: 1, tasks: [] }],
  };
  const problems = problemsOf(broken).join('\n');
  for (const place of ['duration_s', 'fleet.habits.fails', 'dags.0.dag_id', 'dags.0.tasks'])
    expect(problems).toContain(place);
  const arrivals = { executor: 'ramping-arrival-rate', stages: [{ duration: 'soon', target: -1 }] };
  const nowhere = [{ ...seeds?.dags[0], tasks: [{ task_id: 'a', upstream: [], duration_ms: [1, 2], pool: 'none' }] }];
  const { dag_id = '' } = seeds?.dags[0] ?? {};
  expect(problemsOf({ ...seeds, pools: { narrow: 1 }, dags: nowhere, operators: [], churn: undefined })).toEqual([
    `${dag_id}.a is in the pool none, which pools does not have`,
  ]);
  const untimely = [
    { operator: 'clear', dags: ['wt_a', seeds?.dags[0]?.dag_id], every_ms: 5 },
    { operator: 'trigger', dags: ['wt_a'], arrivals },
  ];
  expect(problemsOf({ ...seeds, operators: untimely })).toEqual([
    'operators.0: give either every_ms and start_after_ms, or arrivals',
    "operators.1.arrivals.stages.0.duration: must be a duration as k6 writes it, like '1m30s'",
    expect.stringMatching(/^operators\.1\.arrivals\.stages\.0\.target: /),
    // Names are looked for in a scenario of a wrong shape, too.
    'no DAG is called wt_a, but churn or an operator names it',
  ]);
  const dangling = { ...seeds, churn: { dags: ['wt_nowhere'], every_ms: 1 } };
  expect(problemsOf(dangling)).toEqual(['no DAG is called wt_nowhere, but churn or an operator names it']);
});

test('the README is read in two minutes', async () => {
  expect((await read('README.md')).trimEnd().split('\n').length).toBeLessThanOrEqual(120);
});

test('files, folders and names in docs/architecture.md are in the tree', async () => {
  const text = await read('docs/architecture.md');
  const paths = [...text.matchAll(/`((?:\w[\w.-]*\/)+[\w.-]*)`/g)].map(([, name = '']) => name);
  const symbols = [...text.matchAll(/`(\w+)` \(`([\w./-]+\.ts)`\)/g)].map(([, name = '', file = '']) => ({
    name,
    file,
  }));
  expect(paths.length).toBeGreaterThan(40);
  expect(symbols.length).toBeGreaterThan(12);
  expect(paths.filter((name) => !existsSync(path.join(root, name)))).toEqual([]);
  const declares = async ({ name, file }: { name: string; file: string }) =>
    new RegExp(`^export (async )?(function|class|interface|const) ${name}\\b`, 'm').test(await read(file));
  const declared = await Promise.all(symbols.map(declares));
  expect(symbols.filter((_, i) => !declared[i])).toEqual([]);
});

test('files and folders of the tree that documents name are there', async () => {
  const named = await Promise.all(
    (await documents()).map(async (file) => {
      const text = await read(file);
      const names = [
        ...text.matchAll(
          /`((?:harness|workloads|reports|reference|docs|test|scripts|bench|records|docker)\/[\w./-]*)`/g,
        ),
      ];
      return names.map(([, name = '']) => ({ file, name }));
    }),
  );
  expect(named.flat().length).toBeGreaterThan(60);
  expect(named.flat().filter(({ name }) => !/[A-Z]{4}/.test(name) && !existsSync(path.join(root, name)))).toEqual([]);
});

test('links between documents lead somewhere', async () => {
  const broken = await Promise.all(
    (await documents()).map(async (file) => {
      const text = await read(file);
      const targets = [...text.matchAll(/\]\(([^)#\s]+)[^)]*\)|(?:src|srcset|href)="([^"#]+)"/g)].map(
        ([, a, b]) => a ?? b ?? '',
      );
      return targets
        .filter((target) => !/^[a-z]+:/.test(target) && !existsSync(path.join(root, path.dirname(file), target)))
        .map((target) => `${file}: ${target}`);
    }),
  );
  expect(broken.flat()).toEqual([]);
});

/** Where the code of an example would lie. */
const EXAMPLES = {
  'docs/adding-a-fault.md': 'harness/faults/process',
  'docs/adding-a-scenario.md': 'workloads/scenarios',
};

test('the examples of how to add something compile', async () => {
  const folder = path.join(root, 'node_modules', '.cache', 'documented');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const sources = await Promise.all(
    Object.entries(EXAMPLES).map(async ([document, place]) => {
      const [, code = ''] = /^```ts\n([\s\S]*?)^```/m.exec(await read(document)) ?? [];
      const file = path.join(folder, `${path.basename(document, '.md')}.ts`);
      await writeFile(
        file,
        code.replace(/from '(\.[^']+)'/g, (_, from) => `from '${path.join(root, place, from)}'`),
      );
      return file;
    }),
  );
  const config = { extends: path.join(root, 'tsconfig.json'), include: [], files: sources };
  await writeFile(path.join(folder, 'tsconfig.json'), JSON.stringify(config));
  const tsc = promisify(execFile)('npx', ['tsc', '--noEmit', '-p', folder], { cwd: root });
  await expect(
    tsc.then(
      ({ stdout }) => stdout,
      (error) => error.stdout,
    ),
  ).resolves.toBe('');
  const { scenario }: { scenario: unknown } = await import(sources[1] ?? '');
  expect(problemsOf(scenario)).toEqual([]);
});
