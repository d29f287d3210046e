import { expect, test } from 'vitest';

import type { RowKey, Seen, StatementKind } from '../model/seen.ts';
import { isAt, type SubjectKeys } from './points.ts';
import type { Access, Point } from './steps.ts';

const KIND: StatementKind = {
  text: '',
  verb: 'select',
  tables: ['task_instance'],
  locks: [],
  counted: [],
  set: [],
  where: [],
  upserts: false,
};

function statement(kind: Partial<StatementKind>, rest: Partial<Seen> = {}): Seen {
  return {
    ...{ process: 'scheduler-1', pid: 1, application: '', text: '', message: '', packet: 1, tx: 1, place: 1 },
    ...{ conditions: [], before: [], answer: undefined, touches: [] },
    kind: { ...KIND, ...kind },
    ...rest,
  };
}

function access(act: Access['act'], rest: Partial<Access> = {}): Access {
  return { act, table: 'task_instance', detail: null, nth: 1, of: null, ...rest };
}

const at = (what: Point['what'], having: Access | null = null): Point => ({ at: 'before', what, having });

const SUBJECTS: Readonly<Record<string, SubjectKeys>> = {
  d: { dagId: 'wt_x', run: 'r', task: 'd', tiIds: new Set(['uuid-1']), runKey: undefined },
  r: { dagId: 'wt_x', run: 'r', task: undefined, tiIds: new Set(), runKey: '5' },
};
const matches = (point: Point, seen: Seen) => isAt(point, seen, (name) => (SUBJECTS[name] ? [SUBJECTS[name]] : []));

test('a statement on many rows names the row of a task also in parameters that are arrays', () => {
  const conditions = (task: string) =>
    [
      ['dag_id', '{wt_x,wt_y}'],
      ['run_id', '{r,s}'],
      ['task_id', task],
    ].map(([column = '', value = '']) => ({
      ...{ clause: 'where' as const, relation: 'task_instance', operator: 'in' },
      column,
      values: [value],
    }));
  const lock = (task: string) => statement({ locks: ['task_instance'] }, { conditions: conditions(task) });
  expect(matches(at(access('lock', { of: 'd' })), lock('{"e","d"}'))).toBe(true);
  expect(matches(at(access('lock', { of: 'd' })), lock('{"e","dd"}'))).toBe(false);
});

const LOCK = statement({ locks: ['task_instance'] });
const UPDATE = statement({ verb: 'update', target: 'task_instance', set: ['state'] });
const COUNT = statement({ counted: ['task_instance'] });
const INSERT = statement({ verb: 'insert', target: 'task_instance' });

test('a point is what a statement does to a table, whatever its text', () => {
  const acts = ['read', 'count', 'lock', 'write', 'insert', 'delete'] as const;
  const done = (seen: Seen) => acts.filter((act) => matches(at(access(act)), seen));
  expect(done(LOCK)).toEqual(['read', 'lock']);
  expect(done(COUNT)).toEqual(['count']);
  expect(done(UPDATE)).toEqual(['write']);
  expect(done(INSERT)).toEqual(['write', 'insert']);
  expect(done(statement({ verb: 'delete', target: 'task_instance' }))).toEqual(['delete']);
  expect(done(statement({ tables: ['dag_run'] }))).toEqual([]);
});

test('2nd counts what the transaction did before, and having asks for it', () => {
  const second = access('lock', { nth: 2 });
  expect(matches(at(second), LOCK)).toBe(false);
  expect(matches(at(second), { ...LOCK, before: [LOCK] })).toBe(true);
  expect(matches(at(second), { ...LOCK, before: [LOCK, LOCK] })).toBe(false);
  expect(matches(at(access('lock')), { ...LOCK, before: [LOCK] })).toBe(true);
  const commit = statement({ verb: 'commit', tables: [] });
  expect(matches(at('commit', access('write')), commit)).toBe(false);
  expect(matches(at('commit', access('write')), { ...commit, before: [UPDATE] })).toBe(true);
});

test('a column or a value is looked for in conditions of reads, and in what is set by writes', () => {
  const read = statement({ where: ['task_instance.last_heartbeat_at'] });
  expect(matches(at(access('read', { detail: 'last_heartbeat_at' })), read)).toBe(true);
  expect(matches(at(access('read', { detail: 'state' })), read)).toBe(false);
  const condition = { relation: 'task_instance', column: 'state', operator: '=', values: ['skipped'] };
  const skip = { ...UPDATE, conditions: [{ ...condition, clause: 'set' as const }] };
  expect(matches(at(access('write', { detail: 'skipped' })), skip)).toBe(true);
  expect(matches(at(access('write', { detail: 'state' })), skip)).toBe(true);
  const guarded = { ...UPDATE, conditions: [{ ...condition, clause: 'where' as const }] };
  expect(matches(at(access('write', { detail: 'skipped' })), guarded)).toBe(false);
});

test('a statement is of a task or a run by its rows, or by the names in its text', () => {
  const touched = (relation: string, columns: RowKey['columns']) => ({
    ...LOCK,
    touches: [{ mode: 'lock' as const, row: { relation, columns } }],
  });
  const of = (name: string, seen: Seen) => matches(at(access('lock', { of: name })), seen);
  expect(of('d', touched('task_instance', { id: 'uuid-1' }))).toBe(true);
  expect(of('d', touched('task_instance', { id: 'uuid-2' }))).toBe(false);
  expect(of('d', touched('rendered_task_instance_fields', { task_instance_id: 'uuid-1' }))).toBe(true);
  expect(of('d', touched('task_instance', { dag_id: 'wt_x', run_id: 'r', task_id: 'd' }))).toBe(true);
  expect(of('d', touched('task_instance', { dag_id: 'wt_x', run_id: 'r', task_id: 'e' }))).toBe(false);
  expect(of('r', touched('dag_run', { id: '5' }))).toBe(true);
  expect(of('r', touched('dag_run', { id: '6' }))).toBe(false);
  expect(of('d', { ...LOCK, text: "… WHERE dag_id = 'wt_x' AND run_id = 'r' AND task_id IN ('c', 'd')" })).toBe(true);
  expect(of('d', { ...LOCK, text: "… WHERE dag_id = 'wt_x' AND run_id = 'r' AND task_id IN ('c')" })).toBe(false);
  const array = (values: string[]) => [
    { clause: 'where' as const, relation: 'task_instance', column: 'id', operator: '=', values },
  ];
  expect(of('d', { ...LOCK, conditions: array(['{uuid-0,uuid-1}']) })).toBe(true);
  expect(of('d', { ...LOCK, conditions: array(['{uuid-0}']) })).toBe(false);
});
