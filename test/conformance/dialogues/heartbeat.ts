import type { Dialogue } from '../dialogue.ts';
import { ANNE, BERT, FAILED, heartbeat, SUCCESS, start, state, UNKNOWN_ID, UP_FOR_RETRY } from '../requests.ts';

export const heartbeatDialogues: readonly Dialogue[] = [
  {
    name: 'heartbeat/of the owner',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.prepare(start(ti));
      await talk.send('heartbeat', heartbeat(ti));
      await talk.send('again', heartbeat(ti));
      await talk.rows('after');
    },
  },
  {
    name: 'heartbeat/of an impostor',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.prepare(start(ti));
      await talk.send('other host', heartbeat(ti, BERT));
      await talk.send('other process', heartbeat(ti, { ...ANNE, pid: 7 }));
    },
  },
  {
    name: 'heartbeat/before the start',
    shape: 'single',
    async play(talk) {
      await talk.send('heartbeat', heartbeat(talk.ti('task')));
    },
  },
  {
    name: 'heartbeat/after success',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.prepare(start(ti));
      await talk.prepare(state(ti, SUCCESS));
      await talk.send('heartbeat', heartbeat(ti));
      await talk.send('of an impostor', heartbeat(ti, BERT));
    },
  },
  {
    name: 'heartbeat/after failure',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.prepare(start(ti));
      await talk.prepare(state(ti, FAILED));
      await talk.send('heartbeat', heartbeat(ti));
    },
  },
  {
    name: 'heartbeat/of an unknown id',
    shape: 'single',
    async play(talk) {
      const token = await talk.token({ sub: UNKNOWN_ID });
      await talk.send('heartbeat', heartbeat({ ...talk.ti('task'), id: UNKNOWN_ID }, ANNE, { token }));
    },
  },
  {
    name: 'heartbeat/of an id that is archived',
    shape: 'retry',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.prepare(start(ti));
      await talk.prepare(state(ti, UP_FOR_RETRY));
      await talk.send('old id', heartbeat(ti));
      await talk.send('new id', heartbeat(await talk.again('task')));
    },
  },
  {
    name: 'heartbeat/against an end at once',
    shape: 'many',
    async play(talk) {
      const legal = ['204 + 204, success', '204 + 409 not_running (success), success'];
      await talk.race('heartbeat and success', legal, 8, async (round) => {
        const ti = talk.ti(`t${round}`);
        await talk.prepare(start(ti));
        const said = await talk.atOnce([heartbeat(ti), state(ti, SUCCESS)]);
        return `${said}, ${await talk.value('SELECT state FROM task_instance WHERE id = $1', [ti.id])}`;
      });
    },
  },
];
