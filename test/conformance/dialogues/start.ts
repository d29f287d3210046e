import type { Dialogue } from '../dialogue.ts';
import { ANNE, BERT, FAILED, heartbeat, SUCCESS, start, state, UNKNOWN_ID, UP_FOR_RETRY } from '../requests.ts';

export const startDialogues: readonly Dialogue[] = [
  {
    name: 'start/fresh',
    shape: 'single',
    async play(talk) {
      await talk.rows('before');
      await talk.send('start', start(talk.ti('task')));
      await talk.rows('after');
    },
  },
  {
    name: 'start/a task with retries may retry',
    shape: 'retry',
    async play(talk) {
      await talk.send('start', start(talk.ti('task')));
    },
  },
  {
    name: 'start/replayed by the same host',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.send('start', start(ti, ANNE));
      await talk.send('again', start(ti, ANNE));
      await talk.rows('after');
    },
  },
  {
    name: 'start/replayed with another start date',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.send('start', start(ti, ANNE));
      const again = start(ti, ANNE);
      await talk.send('again', { ...again, body: { state: 'running', ...ANNE, start_date: '2026-02-01T11:00:00Z' } });
      await talk.rows('after');
    },
  },
  {
    name: 'start/by another host while it runs',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.send('start', start(ti, ANNE));
      await talk.send('other host', start(ti, BERT));
      await talk.send('other process', start(ti, { ...ANNE, pid: ANNE.pid + 1 }));
      await talk.send('other user', start(ti, { ...ANNE, unixname: 'root' }));
      await talk.rows('after');
    },
  },
  {
    name: 'start/two hosts at once',
    shape: 'many',
    async play(talk) {
      await talk.race('two starts', ['200 + 409 invalid_state (running)'], 8, (round) => {
        const ti = talk.ti(`t${round}`);
        return talk.atOnce([start(ti, ANNE), start(ti, BERT)]);
      });
    },
  },
  {
    name: 'start/one host twice at once',
    shape: 'many',
    async play(talk) {
      await talk.race('two starts', ['200 + 200'], 8, (round) => {
        const ti = talk.ti(`t${round}`);
        return talk.atOnce([start(ti, ANNE), start(ti, ANNE)]);
      });
      await talk.rows('after', ['t1']);
    },
  },
  {
    name: 'start/after success',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.prepare(start(ti));
      await talk.send('success', state(ti, SUCCESS));
      await talk.send('start', start(ti));
      await talk.rows('after');
    },
  },
  {
    name: 'start/after failure',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.prepare(start(ti));
      await talk.send('failed', state(ti, FAILED));
      await talk.send('start', start(ti, BERT));
      await talk.rows('after');
    },
  },
  {
    name: 'start/of an id that is archived',
    shape: 'retry',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.prepare(start(ti));
      await talk.prepare(state(ti, UP_FOR_RETRY));
      await talk.send('start', start(ti, ANNE, { token: ti.token }));
      const now = await talk.again('task');
      await talk.send('start of the new id', start(now, ANNE, { token: now.token }));
      await talk.rows('after');
    },
  },
  {
    name: 'start/of an unknown id',
    shape: 'single',
    async play(talk) {
      const token = await talk.token({ sub: UNKNOWN_ID });
      await talk.send('start', start({ ...talk.ti('task'), id: UNKNOWN_ID }, ANNE, { token }));
    },
  },
  {
    name: 'start/against an end at once',
    shape: 'many',
    async play(talk) {
      // The replay of a start comes late and meets the end: whichever is first, the end must stand.
      await talk.race(
        'start again and success',
        ['200 + 204, success', '204 + 409 invalid_state (success), success'],
        8,
        async (round) => {
          const ti = talk.ti(`t${round}`);
          await talk.prepare(start(ti));
          const said = await talk.atOnce([start(ti, ANNE, { token: ti.token }), state(ti, SUCCESS)]);
          return `${said}, ${await talk.value('SELECT state FROM task_instance WHERE id = $1', [ti.id])}`;
        },
      );
    },
  },
  {
    name: 'start/clears what an earlier try pushed',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      // A token is all that pushing an XCom needs: it may be there before the start.
      const path = `/xcoms/${ti.dagId}/${ti.runId}/${ti.taskId}`;
      for (const key of ['return_value', 'other'])
        await talk.prepare({ ...heartbeat(ti), route: 'xcom', method: 'POST', path: `${path}/${key}`, body: 1 });
      const { body } = await talk.prepare(start(ti));
      const keys = (body as { xcom_keys_to_clear?: string[] }).xcom_keys_to_clear ?? [];
      talk.note('keys to clear', 'run', [...keys].sort());
    },
  },
];
