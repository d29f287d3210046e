import { beforeAll, expect, test } from 'vitest';
import { conditionsOf, kindOf } from './kinds.ts';
import { statementsOf } from './literals.ts';
import { loadParser } from './parse.ts';

beforeAll(loadParser);

function read(text: string, parameters: readonly (string | null)[] = []) {
  const [statement] = statementsOf(text);
  if (!statement) throw new Error('no statement');
  const { kind, conditions } = { kind: kindOf(statement), conditions: conditionsOf(statement, parameters) };
  return {
    kind,
    conditions: conditions.map(({ relation, column, operator, values }) => [relation, column, operator, values]),
  };
}

const ID = '0192f0b4-6c1e-7abc-8def-0123456789ab';

test('a row lock of one table of several, with aliases', () => {
  const { kind, conditions } = read(`SELECT task_instance.id, dag_run_1.state AS state_1
    FROM task_instance JOIN dag_run AS dag_run_1 ON dag_run_1.dag_id = task_instance.dag_id
    WHERE task_instance.id = '${ID}'::uuid AND dag_run_1.state IN ('running', 'queued') AND task_instance.state IS NULL
    ORDER BY task_instance.id  LIMIT 10 FOR NO KEY UPDATE OF task_instance SKIP LOCKED`);
  expect(kind).toMatchObject({
    verb: 'select',
    tables: ['task_instance', 'dag_run'],
    locks: ['task_instance'],
    lockMode: 'no key update',
    waits: 'skip locked',
    where: ['dag_run.dag_id', 'dag_run.state', 'task_instance.dag_id', 'task_instance.id', 'task_instance.state'],
    counted: [],
  });
  expect(conditions).toEqual([
    ['task_instance', 'id', '=', [ID]],
    ['dag_run', 'state', 'in', ['running', 'queued']],
  ]);
});

test('a lock without OF is of every table of its query, and not of its subqueries', () => {
  const { kind } = read(`SELECT a.id FROM task_instance AS a, dag_run b
    WHERE a.run_id = b.run_id AND a.id NOT IN (SELECT id FROM trigger) FOR UPDATE NOWAIT`);
  expect(kind).toMatchObject({ locks: ['task_instance', 'dag_run'], lockMode: 'update', waits: 'nowait' });
  expect(kind.tables).toEqual(['task_instance', 'dag_run', 'trigger']);
});

test('an UPDATE: what it sets, and on which rows', () => {
  const { kind, conditions } =
    read(`UPDATE task_instance SET state='skipped', end_date='2026-11-30T00:00:00'::timestamptz,
    external_executor_id=NULL, try_number=(task_instance.try_number + 1) WHERE task_instance.dag_id = 'it''s'
    AND (task_instance.task_id, task_instance.map_index) IN (('a', -1), ('b', 2))
    AND task_instance.state != 'running'`);
  expect(kind).toMatchObject({
    verb: 'update',
    target: 'task_instance',
    set: ['end_date', 'external_executor_id', 'state', 'try_number'],
  });
  expect(conditions).toEqual([
    ['task_instance', 'state', '=', ['skipped']],
    ['task_instance', 'end_date', '=', ['2026-11-30T00:00:00']],
    ['task_instance', 'external_executor_id', '=', [null]],
    ['task_instance', 'dag_id', '=', ["it's"]],
    ['task_instance', 'task_id', 'row in', ['a', 'b']],
    ['task_instance', 'map_index', 'row in', ['-1', '2']],
    ['task_instance', 'state', '<>', ['running']],
  ]);
});

test('INSERTs of one row and of many, and those that SQLAlchemy orders by a counter', () => {
  const many = read(`INSERT INTO dag_run (dag_id, id, run_id, "end") VALUES
    ('d', nextval('dag_run_id_seq'), 'r1', NULL), ('d', nextval('dag_run_id_seq'), 'r2', 5)`);
  expect(many.kind).toMatchObject({
    verb: 'insert',
    target: 'dag_run',
    set: ['dag_id', 'end', 'id', 'run_id'],
    upserts: false,
  });
  expect(many.conditions).toEqual([
    ['dag_run', 'dag_id', '=', ['d', 'd']],
    ['dag_run', 'id', '=', [null, null]],
    ['dag_run', 'run_id', '=', ['r1', 'r2']],
    ['dag_run', 'end', '=', [null, '5']],
  ]);
  const counted = read(`INSERT INTO dag_run (dag_id, run_id) SELECT p0::VARCHAR, p1::VARCHAR(250) FROM (VALUES
    ('d', 'r1', 0), ('d', 'r2', 1)) AS imp_sen(p0, p1, sen_counter) ORDER BY sen_counter RETURNING dag_run.id`);
  expect(counted.kind.tables).toEqual(['dag_run']);
  expect(counted.conditions).toEqual([
    ['dag_run', 'dag_id', '=', ['d', 'd']],
    ['dag_run', 'run_id', '=', ['r1', 'r2']],
  ]);
  const upsert = read(
    `INSERT INTO rtif_v2 (id, task_instance_id) VALUES (1, $1)
    ON CONFLICT (id) DO UPDATE SET rendered_fields = excluded.rendered_fields`,
    [ID],
  );
  expect(upsert.kind).toMatchObject({ target: 'rendered_task_instance_fields', upserts: true });
  expect(upsert.kind.set).toEqual(['id', 'rendered_fields', 'task_instance_id']);
  expect(upsert.conditions[1]).toEqual(['rendered_task_instance_fields', 'task_instance_id', '=', [ID]]);
});

test('literals are found behind comments and what is no ASCII, in each statement of a message', () => {
  const [, statement] = statementsOf(`SELECT 'ü'; /* ä */ UPDATE a SET b = 'é', c = -1 WHERE d = $1 AND e = 'x'`);
  expect(statement && conditionsOf(statement, ['y'])).toMatchObject([
    { column: 'b', values: ['é'] },
    { column: 'c', values: ['-1'] },
    { column: 'd', values: ['y'] },
    { column: 'e', values: ['x'] },
  ]);
});

test('a statement that PostgreSQL does not understand is of no kind that is known', () => {
  expect(read('UPDATE WHERE').kind).toMatchObject({ verb: 'other', tables: [], text: 'UPDATE WHERE' });
});

test('what is counted, and asked whether it is there', () => {
  expect(read(`SELECT count(*) AS count_1 FROM dag_run WHERE dag_run.state = 'running'`).kind.counted).toEqual([
    'dag_run',
  ]);
  expect(
    read(`SELECT backfill.id FROM backfill WHERE backfill.completed_at IS NULL AND NOT (EXISTS (SELECT 1 FROM dag_run
      WHERE dag_run.backfill_id = backfill.id))`).kind,
  ).toMatchObject({ counted: ['dag_run'], tables: ['backfill', 'dag_run'] });
  expect(
    read(`SELECT dag_run.id FROM dag_run LEFT OUTER JOIN (SELECT dag_run.dag_id AS dag_id, count(dag_run.id) AS n
      FROM dag_run GROUP BY dag_run.dag_id) AS anon_1 ON anon_1.dag_id = dag_run.dag_id WHERE anon_1.n < 16
      FOR UPDATE OF dag_run`).kind,
  ).toMatchObject({ counted: ['dag_run'], locks: ['dag_run'] });
});

test('common table expressions, extract, DISTINCT ON and quoted words are no tables', () => {
  const { kind } = read(`WITH late AS (SELECT id FROM job WHERE extract(epoch FROM now() - latest_heartbeat) > 30)
    SELECT DISTINCT ON (ti.dag_id) ti.dag_id, "from" FROM task_instance ti JOIN late ON late.id = ti.queued_by_job_id
    WHERE ti.x IS DISTINCT FROM ti.y`);
  expect(kind.tables).toEqual(['job', 'task_instance']);
});

test('a kind is the same whatever its literals, the length of its lists and the order of its columns', () => {
  const kinds = [
    `SELECT a.id, a.state FROM a WHERE a.id IN ('x')`,
    `SELECT a.state,  a.id\nFROM a \nWHERE a.id IN ('x'::text, 'y'::text, 'z'::text)`,
  ].map((text) => read(text).kind);
  expect(kinds[0]).toBe(kinds[1]);
  expect(kinds[0]?.text).toBe('SELECT a.id, a.state FROM a WHERE a.id IN (?)');
});

test('a message is split at its semicolons, and texts, comments and names in quotes are not', () => {
  const found = statementsOf(
    `UPDATE a SET b = 'x;y', c = E'it\\'s;' -- ;\n WHERE "d;e" = $tag$;$tag$;; UPDATE a SET b = 2;`,
  );
  expect(found.map(({ literals }) => literals)).toEqual([['x;y', "it's;", ';'], ['2']]);
  expect(found[1]?.text).toBe('UPDATE a SET b = 2');
});

test('transactions and savepoints', () => {
  expect(
    ['BEGIN', 'BEGIN ISOLATION LEVEL READ COMMITTED', 'COMMIT', 'ROLLBACK', 'SET x = 1'].map(
      (text) => read(text).kind.verb,
    ),
  ).toEqual(['begin', 'begin', 'commit', 'rollback', 'other']);
  expect(read('ROLLBACK TO SAVEPOINT sa_savepoint_1').kind).toMatchObject({
    verb: 'rollback to',
    savepoint: 'sa_savepoint_1',
  });
});
