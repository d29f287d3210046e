import { beforeAll, expect, test } from 'vitest';

import { conditionsOf, kindOf } from './sql/kinds.ts';
import { statementsOf } from './sql/literals.ts';
import { loadParser } from './sql/parse.ts';
import { touchesOf } from './touches.ts';

beforeAll(loadParser);

/** `lock task_instance id=1` for each row that a statement touches, by its literals or the keys of its answer. */
function touched(text: string, keys?: readonly { relation: string; columns: Record<string, string> }[]): string[] {
  const [statement] = statementsOf(text);
  if (!statement) throw new Error('no statement');
  const answer = keys && { rows: keys.length, keys };
  return touchesOf(kindOf(statement), conditionsOf(statement, []), answer).map(({ mode, row }) =>
    [mode, row.relation, ...Object.entries(row.columns).map((pair) => pair.join('='))].join(' '),
  );
}

test('what an answer returns is what was read, and what is in no answer is known by the literals', () => {
  const text = `SELECT task_instance.id FROM task_instance JOIN dag_run ON dag_run.run_id = task_instance.run_id
    WHERE dag_run.dag_id = 'd' AND task_instance.state IN ('running') FOR UPDATE OF task_instance`;
  const keys = [{ relation: 'task_instance', columns: { id: '1' } }];
  expect(touched(text, keys)).toEqual(['lock task_instance id=1', 'read dag_run dag_id=d']);
  // A row that is looked for and not there is read, too: what is written next may rest on that.
  expect(touched(text, [])).toEqual(['read dag_run dag_id=d']);
});

test('lists name a row each, tuples belong together, and of two lists only one names rows', () => {
  expect(touched(`DELETE FROM xcom WHERE dag_id = 'd' AND task_id IN ('a', 'b')`)).toEqual([
    'delete xcom dag_id=d task_id=a',
    'delete xcom dag_id=d task_id=b',
  ]);
  expect(
    touched(`UPDATE task_instance SET state='x' WHERE (task_id, map_index) IN (('a', 1), ('b', 2)) AND dag_id = 'd'`),
  ).toEqual([
    'write task_instance task_id=a map_index=1 dag_id=d',
    'write task_instance task_id=b map_index=2 dag_id=d',
  ]);
  expect(touched(`UPDATE task_instance SET state='x' WHERE task_id IN ('a', 'b') AND run_id IN ('r', 's')`)).toEqual([
    'write task_instance task_id=a',
    'write task_instance task_id=b',
  ]);
});

test('what is set or excluded names no row that is written', () => {
  expect(touched(`UPDATE dag_run SET backfill_id=3 WHERE dag_run.id != 4`)).toEqual([]);
});

test('of an INSERT the names are in the literals and the ids in the answer', () => {
  const text = `INSERT INTO dag_run (dag_id, run_id) VALUES ('d', 'r'), ('d', 's') RETURNING dag_run.id`;
  const keys = ['1', '2'].map((id) => ({ relation: 'dag_run', columns: { id } }));
  expect(touched(text, keys)).toEqual([
    'insert dag_run dag_id=d run_id=r id=1',
    'insert dag_run dag_id=d run_id=s id=2',
  ]);
});
