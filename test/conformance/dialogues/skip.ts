import type { Dialogue } from '../dialogue.ts';
import { ANNE, BERT, heartbeat, SUCCESS, skipDownstream, start, state, UNKNOWN_ID, UP_FOR_RETRY } from '../requests.ts';

export const skipDialogues: readonly Dialogue[] = [
  {
    name: 'skip/tasks that were not scheduled',
    shape: 'branch',
    async play(talk) {
      const branch = talk.ti('branch');
      await talk.prepare(start(branch));
      await talk.send('skip', skipDownstream(branch, ['later', 'join']));
      await talk.rows('after', ['later', 'join', 'branch']);
      await talk.send('again', skipDownstream(branch, ['later', 'join']));
      await talk.rows('after the second', ['later', 'join']);
    },
  },
  {
    name: 'skip/a queued task',
    shape: 'branch',
    async play(talk) {
      const branch = talk.ti('branch');
      await talk.prepare(start(branch));
      await talk.send('skip', skipDownstream(branch, ['queued']));
      await talk.rows('after', ['queued']);
      await talk.send('its start', start(talk.ti('queued'), BERT));
    },
  },
  {
    name: 'skip/a running task',
    shape: 'branch',
    async play(talk) {
      const branch = talk.ti('branch');
      const running = talk.ti('running');
      await talk.prepare(start(branch));
      await talk.prepare(start(running, BERT));
      await talk.send('skip', skipDownstream(branch, ['running']));
      await talk.rows('after', ['running']);
      await talk.send('its heartbeat', heartbeat(running, BERT));
      await talk.send('its success', state(running, SUCCESS));
      await talk.rows('at the end', ['running']);
    },
  },
  {
    name: 'skip/a task that has ended',
    shape: 'branch',
    async play(talk) {
      const branch = talk.ti('branch');
      const ended = talk.ti('ended');
      await talk.prepare(start(branch));
      await talk.prepare(start(ended, BERT));
      await talk.prepare(state(ended, SUCCESS));
      await talk.send('skip', skipDownstream(branch, ['ended']));
      await talk.rows('after', ['ended']);
    },
  },
  {
    name: 'skip/a task that waits for its retry',
    shape: 'branch',
    async play(talk) {
      const branch = talk.ti('branch');
      const retrying = talk.ti('retrying');
      await talk.prepare(start(branch));
      await talk.prepare(start(retrying, BERT));
      await talk.prepare(state(retrying, UP_FOR_RETRY));
      await talk.again('retrying');
      await talk.send('skip', skipDownstream(branch, ['retrying']));
      await talk.rows('after', ['retrying']);
    },
  },
  {
    name: 'skip/an unknown task, and none',
    shape: 'branch',
    async play(talk) {
      const branch = talk.ti('branch');
      await talk.prepare(start(branch));
      await talk.send('unknown', skipDownstream(branch, ['nowhere']));
      await talk.send('none', skipDownstream(branch, []));
      await talk.rows('after');
    },
  },
  {
    name: 'skip/with map indexes',
    shape: 'branch',
    async play(talk) {
      const branch = talk.ti('branch');
      await talk.prepare(start(branch));
      await talk.send('index', skipDownstream(branch, [['later', 3]]));
      await talk.send('unmapped', skipDownstream(branch, [['later', -1], 'join']));
      await talk.rows('after', ['later', 'join']);
      await talk.send('wrong form', skipDownstream(branch, [['later']]));
      await talk.send('wrong type', skipDownstream(branch, 'later'));
      await talk.send('number', skipDownstream(branch, [1]));
    },
  },
  {
    name: 'skip/itself, before the start and after the end',
    shape: 'branch',
    async play(talk) {
      const branch = talk.ti('branch');
      await talk.send('before the start', skipDownstream(branch, ['later']));
      await talk.prepare(start(branch));
      await talk.send('itself', skipDownstream(branch, ['branch']));
      await talk.send('success', state(branch, SUCCESS));
      await talk.send('after the end', skipDownstream(branch, ['join']));
      await talk.rows('after', ['later', 'join', 'branch']);
    },
  },
  {
    name: 'skip/by an unknown id',
    shape: 'branch',
    async play(talk) {
      const token = await talk.token({ sub: UNKNOWN_ID });
      await talk.send('skip', skipDownstream({ ...talk.ti('branch'), id: UNKNOWN_ID }, ['later'], { token }));
    },
  },
  {
    name: 'skip/against a start at once',
    shape: 'many',
    async play(talk) {
      const branch = talk.ti('t8');
      await talk.prepare(start(branch));
      const legal = ['200 + 204, running', '204 + 409 invalid_state (skipped), skipped'];
      await talk.race('start and skip', legal, 7, async (round) => {
        const ti = talk.ti(`t${round}`);
        const said = await talk.atOnce([start(ti, ANNE), skipDownstream(branch, [ti.taskId])]);
        return `${said}, ${await talk.value('SELECT state FROM task_instance WHERE id = $1', [ti.id])}`;
      });
    },
  },
];
