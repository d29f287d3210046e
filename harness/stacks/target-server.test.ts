import { expect, test } from 'vitest';

import {
  comesToUs,
  executorsOf,
  FOREIGN_DAGS_MAX,
  LARGE_DATABASE_BYTES,
  type ServerFacts,
  whyNot,
} from './target-server.ts';

const HERE: ServerFacts = {
  version: '16.4',
  address: '127.0.0.1',
  port: 5432,
  databaseBytes: 20_000_000,
  foreignDags: [],
  comingDags: [],
};
const FILE = { dsn: 'postgresql://u@localhost:5432/airflow', i_own_this: false };
const dags = (count: number) => Array.from({ length: count }, (_, index) => `etl_${index}`);

test('a small stack on this machine is no question', () => {
  expect(whyNot(HERE, FILE)).toEqual([]);
  expect(whyNot({ ...HERE, foreignDags: dags(FOREIGN_DAGS_MAX), databaseBytes: LARGE_DATABASE_BYTES }, FILE)).toEqual(
    [],
  );
  const socket = { ...HERE, address: null, port: null };
  expect(whyNot(socket, { ...FILE, dsn: 'postgresql://u@/airflow?host=/run/postgresql' })).toEqual([]);
});

test.each([
  ['another address', { address: '10.0.3.7' }, /address 10\.0\.3\.7:5432 for itself, and the file says localhost:5432/],
  ['another port, as of a tunnel that ends on loopback', { port: 6432 }, /127\.0\.0\.1:6432 for itself/],
  ['a history', { databaseBytes: LARGE_DATABASE_BYTES + 1 }, /its database has 1\.0 GB \(limit: 1\.0\)/],
  ['users', { foreignDags: dags(FOREIGN_DAGS_MAX + 1) }, /11 DAGs of others are unpaused in it \(limit: 10\)/],
])('%s: it may be in production, unless the file says i_own_this', (_, facts, says) => {
  const [sentence, ...others] = whyNot({ ...HERE, ...facts }, FILE);
  expect(sentence).toMatch(says);
  expect(sentence).toMatch(/^It may be in production: .* say i_own_this: true\.$/);
  expect(others).toEqual([]);
  expect(whyNot({ ...HERE, ...facts }, { ...FILE, i_own_this: true })).toEqual([]);
});

test('DAGs that would come to our executor are named, and nothing permits them', () => {
  const facts = { ...HERE, address: '10.0.3.7', foreignDags: dags(12), comingDags: dags(12) };
  const [production, coming] = whyNot(facts, FILE);
  expect(production).toMatch(/10\.0\.3\.7.*12 DAGs/);
  expect(coming).toMatch(/would come to windtunnel's executor, .*: etl_0, .*, etl_9 and 2 more\. Pause them\./);
  expect(coming).toContain('`executor:`');
  expect(whyNot(facts, { ...FILE, i_own_this: true })).toEqual([coming]);
  expect(whyNot({ ...facts, comingDags: ['payroll'] }, { ...FILE, i_own_this: true, executor: 'wt' })).toEqual([
    expect.stringMatching(/: payroll\. Pause them\. They ask for it by its name\.$/),
  ]);
});

test('which executor a task asks for, as Airflow serializes it', () => {
  const tasks = [
    { __type: 'operator', __var: { task_id: 'plain' } },
    { __type: 'operator', __var: { task_id: 'named', executor: 'LocalExecutor' } },
    { __type: 'operator', __var: { task_id: 'mapped', _is_mapped: true, partial_kwargs: { executor: 'wt' } } },
  ];
  expect(executorsOf({ __version: 3, dag: { dag_id: 'etl', tasks } })).toEqual([undefined, 'LocalExecutor', 'wt']);
  for (const other of [null, 3, {}, { dag: [] }, { dag: { tasks: 'none' } }]) expect(executorsOf(other)).toEqual([]);
});

test.each([
  // As the stack's first executor, ours has what names none.
  [[undefined, 'LocalExecutor'], undefined, true],
  [['LocalExecutor'], undefined, false],
  [[], undefined, false],
  [['HandOffExecutor'], undefined, true],
  // Beside another, it has what asks for it, by whatever name.
  [[undefined, 'LocalExecutor'], 'wt', false],
  [[undefined, 'wt'], 'wt', true],
  [['windtunnel_executor.HandOffExecutor'], 'wt', true],
])('tasks that ask for %j, with ours called %s: come to us %s', (asked, named, comes) => {
  expect(comesToUs(asked, named)).toBe(comes);
});
