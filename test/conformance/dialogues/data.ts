import type { Dialogue } from '../dialogue.ts';
import { execution, rtif, SUCCESS, start, state, UNKNOWN_ID, variable, xcom } from '../requests.ts';

export const rtifDialogues: readonly Dialogue[] = [
  {
    name: 'rtif/first, and again',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.prepare(start(ti));
      await talk.send('first', rtif(ti, { bash_command: 'echo 1' }));
      await talk.rows('after the first');
      await talk.send('again', rtif(ti, { bash_command: 'echo 2', env: { A: 'b' } }));
      await talk.rows('after the second');
    },
  },
  {
    name: 'rtif/before the start and after the end',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.send('before', rtif(ti, { bash_command: 'echo 1' }));
      await talk.prepare(start(ti));
      await talk.prepare(state(ti, SUCCESS));
      await talk.send('after', rtif(ti, { bash_command: 'echo 2' }));
      await talk.rows('after');
    },
  },
  {
    name: 'rtif/two at once',
    shape: 'many',
    async play(talk) {
      await talk.race('two writes', ['201 + 201, one row'], 8, async (round) => {
        const ti = talk.ti(`t${round}`);
        await talk.prepare(start(ti));
        const said = await talk.atOnce([1, 2].map((n) => rtif(ti, { bash_command: `echo ${n}` })));
        const sql = `SELECT CASE count(*) WHEN 1 THEN 'one row' ELSE count(*) || ' rows' END
          FROM rendered_task_instance_fields WHERE dag_id = $1 AND run_id = $2 AND task_id = $3`;
        return `${said}, ${await talk.value(sql, [ti.dagId, ti.runId, ti.taskId])}`;
      });
    },
  },
  {
    name: 'rtif/of an unknown id',
    shape: 'single',
    async play(talk) {
      const token = await talk.token({ sub: UNKNOWN_ID });
      await talk.send('write', rtif({ ...talk.ti('task'), id: UNKNOWN_ID }, { a: 'b' }, { token }));
    },
  },
  {
    name: 'rtif/an empty object, and no object',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.prepare(start(ti));
      await talk.send('empty', rtif(ti, {}));
      await talk.send('list', rtif(ti, ['a']));
      await talk.send('null', rtif(ti, null));
      await talk.send('numbers', rtif(ti, { n: 1, list: [1, 'a', null] }));
      await talk.rows('after');
    },
  },
];

export const xcomDialogues: readonly Dialogue[] = [
  {
    name: 'xcom/push, get, push again, delete',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.prepare(start(ti));
      await talk.send('get before', xcom('GET', ti, 'return_value'));
      await talk.send('push', xcom('POST', ti, 'return_value', { rows: 3 }));
      await talk.send('get', xcom('GET', ti, 'return_value'));
      await talk.send('push again', xcom('POST', ti, 'return_value', 'text'));
      await talk.send('get again', xcom('GET', ti, 'return_value'));
      await talk.rows('after the pushes');
      await talk.send('delete', xcom('DELETE', ti, 'return_value'));
      await talk.send('get after', xcom('GET', ti, 'return_value'));
      await talk.send('delete again', xcom('DELETE', ti, 'return_value'));
      await talk.rows('after');
    },
  },
  {
    name: 'xcom/values of every kind',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.prepare(start(ti));
      for (const [name, value] of Object.entries({ null: null, number: 1.5, list: [1, 'a'], text: 'ä"', flag: true })) {
        await talk.send(`push ${name}`, xcom('POST', ti, name, value));
        await talk.send(`get ${name}`, xcom('GET', ti, name));
      }
      await talk.rows('after');
    },
  },
  {
    name: 'xcom/two pushes at once',
    shape: 'many',
    async play(talk) {
      // Both delete nothing and insert: who commits last meets the first one's key.
      await talk.race('two pushes', ['201 + 201, 1', '201 + 409 Unique constraint violation, 1'], 8, async (round) => {
        const ti = talk.ti(`t${round}`);
        await talk.prepare(start(ti));
        const said = await talk.atOnce([1, 2].map((n) => xcom('POST', ti, 'return_value', n)));
        const sql = 'SELECT count(*) FROM xcom WHERE dag_id = $1 AND run_id = $2 AND task_id = $3';
        return `${said}, ${await talk.value(sql, [ti.dagId, ti.runId, ti.taskId])}`;
      });
    },
  },
  {
    name: 'xcom/of an unknown run and an unknown task',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.prepare(start(ti));
      await talk.send('push to an unknown run', xcom('POST', { ...ti, runId: 'nowhere' }, 'k', 1));
      await talk.send('push to an unknown task', xcom('POST', { ...ti, taskId: 'nowhere' }, 'k', 1));
      await talk.send('get of an unknown run', xcom('GET', { ...ti, runId: 'nowhere' }, 'k'));
      await talk.send('get of an unknown task', xcom('GET', { ...ti, taskId: 'nowhere' }, 'k'));
      await talk.send('delete of an unknown run', xcom('DELETE', { ...ti, runId: 'nowhere' }, 'k'));
      await talk.rows('after');
    },
  },
  {
    name: 'xcom/map index',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.prepare(start(ti));
      await talk.send('push', xcom('POST', ti, 'k', 1, '?map_index=-1'));
      await talk.send('get', xcom('GET', ti, 'k', undefined, '?map_index=-1'));
      await talk.send('get of another index', xcom('GET', ti, 'k', undefined, '?map_index=2'));
      await talk.send('push to another index', xcom('POST', ti, 'k', 1, '?map_index=2'));
      await talk.send('no index', xcom('GET', ti, 'k', undefined, '?map_index=x'));
    },
  },
  {
    name: 'xcom/body that is no JSON',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.send('push', { ...xcom('POST', ti, 'k'), raw: '{"a":' });
      await talk.send('push nothing', xcom('POST', ti, 'k'));
      await talk.rows('after');
    },
  },
];

export const variableDialogues: readonly Dialogue[] = [
  {
    name: 'variables/put, get, put again, delete',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.send('get before', variable('GET', ti, 'wt_talk'));
      await talk.send('put', variable('PUT', ti, 'wt_talk', { val: 'one', description: null }));
      await talk.send('get', variable('GET', ti, 'wt_talk'));
      await talk.send('put again', variable('PUT', ti, 'wt_talk', { val: 'two', description: 'why' }));
      await talk.send('get again', variable('GET', ti, 'wt_talk'));
      await talk.send('delete', variable('DELETE', ti, 'wt_talk'));
      await talk.send('get after', variable('GET', ti, 'wt_talk'));
      await talk.send('delete again', variable('DELETE', ti, 'wt_talk'));
    },
  },
  {
    name: 'variables/bad bodies',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.send('empty', variable('PUT', ti, 'wt_bad', {}));
      await talk.send('number', variable('PUT', ti, 'wt_bad', { val: 1 }));
      await talk.send('unknown key', variable('PUT', ti, 'wt_bad', { val: 'a', extra: 1 }));
      await talk.send('without description', variable('PUT', ti, 'wt_bad', { val: 'a' }));
      await talk.send('key with a slash', variable('GET', ti, 'a/b'));
    },
  },
  {
    name: 'connections/unknown',
    shape: 'single',
    async play(talk) {
      await talk.send('get', execution('connection', 'GET', '/connections/wt_nowhere', talk.ti('task')));
    },
  },
];
