import type { Dialogue } from '../dialogue.ts';
import {
  ANNE,
  DEFERRED,
  ENDED,
  FAILED,
  SUCCESS,
  start,
  state,
  UNKNOWN_ID,
  UP_FOR_RESCHEDULE,
  UP_FOR_RETRY,
} from '../requests.ts';
import type { Shape } from '../shapes.ts';
import type { Talk } from '../talk.ts';

type Payload = Readonly<Record<string, unknown>>;

/** Started, `payload` reported, reported again, and read. */
function reported(name: string, payload: Payload, shape: Shape = 'single'): Dialogue {
  return {
    name: `state/${name}`,
    shape,
    async play(talk) {
      const ti = talk.ti('task');
      await talk.prepare(start(ti));
      await talk.send('state', state(ti, payload));
      await talk.rows('after');
      await talk.send('replay', state(ti, payload));
      await talk.rows('after the replay');
    },
  };
}

async function raceOfEnds(talk: Talk, first: Payload, second: Payload, legal: readonly string[]): Promise<void> {
  await talk.race('two ends at once', legal, 8, async (round) => {
    const ti = talk.ti(`t${round}`);
    await talk.prepare(start(ti));
    const said = await talk.atOnce([state(ti, first), state(ti, second)]);
    const found = `SELECT concat_ws(', ', state, (SELECT count(*) || ' archived' FROM task_instance_history h
      WHERE h.dag_id = ti.dag_id AND h.run_id = ti.run_id AND h.task_id = ti.task_id))
      FROM task_instance ti WHERE dag_id = $1 AND run_id = $2 AND task_id = $3`;
    return `${said}: ${await talk.value(found, [ti.dagId, ti.runId, ti.taskId])}`;
  });
}

const ODD = ['scheduled', 'queued', 'restarting', 'running', 'none', 'shutdown', 'awaiting_input'];

export const stateDialogues: readonly Dialogue[] = [
  reported('success', SUCCESS),
  reported('success without outlets, with a map index name', {
    state: 'success',
    end_date: ENDED,
    rendered_map_index: 'x',
  }),
  reported('failed', FAILED),
  reported('failed with retries left', FAILED, 'retry'),
  reported('skipped', { state: 'skipped', end_date: ENDED }),
  reported('removed', { state: 'removed', end_date: ENDED }),
  reported('upstream failed', { state: 'upstream_failed', end_date: ENDED }),
  reported('deferred', DEFERRED),
  reported('deferred without a time-out, with next arguments', {
    state: 'deferred',
    classpath: DEFERRED.classpath,
    trigger_kwargs: {},
    next_method: 'resume',
    next_kwargs: { a: 1 },
  }),
  reported('up for reschedule', UP_FOR_RESCHEDULE),
  reported('up for retry without retries left', UP_FOR_RETRY),
  reported('success with an unknown asset', {
    ...SUCCESS,
    task_outlets: [{ name: 'nowhere', uri: 's3://nowhere', type: 'Asset' }],
  }),
  ...ODD.map((odd) => reported(`the odd state ${odd}`, { state: odd })),
  {
    name: 'state/up for retry archives the try and gives a new id',
    shape: 'retry',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.prepare(start(ti));
      await talk.send('up for retry', state(ti, UP_FOR_RETRY));
      await talk.send('replay to the old id', state(ti, UP_FOR_RETRY));
      await talk.send('success to the old id', state(ti, SUCCESS));
      const now = await talk.again('task');
      await talk.send('up for retry to the new id', state(now, UP_FOR_RETRY));
      await talk.send('success to the new id', state(now, SUCCESS));
      await talk.rows('after');
    },
  },
  {
    name: 'state/up for retry, and the next try to its end',
    shape: 'retry',
    scheduled: true,
    async play(talk) {
      const ti = talk.ti('task');
      await talk.prepare(start(ti));
      await talk.send('up for retry', state(ti, UP_FOR_RETRY));
      const next = await talk.nextTry('task', 2);
      await talk.rows('handed over again');
      await talk.send('start', start(next));
      await talk.rows('while it runs');
      await talk.send('success', state(next, SUCCESS));
    },
  },
  {
    name: 'state/up for reschedule, and the same try again',
    shape: 'single',
    scheduled: true,
    async play(talk) {
      const ti = talk.ti('task');
      await talk.prepare(start(ti));
      await talk.send('reschedule', state(ti, { ...UP_FOR_RESCHEDULE, reschedule_date: ENDED }));
      const next = await talk.nextTry('task', 1);
      await talk.rows('handed over again');
      await talk.send('start', start(next));
      await talk.send('success', state(next, SUCCESS));
    },
  },
  {
    name: 'state/before the start',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.send('success', state(ti, SUCCESS));
      await talk.send('failed', state(ti, FAILED));
      await talk.send('deferred', state(ti, DEFERRED));
      await talk.rows('after');
    },
  },
  {
    name: 'state/another end after the end',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.prepare(start(ti));
      await talk.send('success', state(ti, SUCCESS));
      await talk.send('then failed', state(ti, FAILED));
      await talk.send('then up for retry', state(ti, UP_FOR_RETRY));
      await talk.rows('after');
    },
  },
  {
    name: 'state/of an unknown id',
    shape: 'single',
    async play(talk) {
      const token = await talk.token({ sub: UNKNOWN_ID });
      await talk.send('success', state({ ...talk.ti('task'), id: UNKNOWN_ID }, SUCCESS, { token }));
    },
  },
  {
    name: 'state/missing fields',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.prepare(start(ti));
      await talk.send('success without end date', state(ti, { state: 'success' }));
      await talk.send('failed without end date', state(ti, { state: 'failed' }));
      await talk.send('retry without end date', state(ti, { state: 'up_for_retry' }));
      await talk.send('deferred without classpath', state(ti, { state: 'deferred', next_method: 'm' }));
      await talk.send('deferred without method', state(ti, { state: 'deferred', classpath: 'c' }));
      await talk.send('reschedule without date', state(ti, { state: 'up_for_reschedule', end_date: ENDED }));
      await talk.send('without state', state(ti, { end_date: ENDED }));
      await talk.send('empty', state(ti, {}));
      await talk.send('start without pid', { ...start(ti), body: { state: 'running', hostname: ANNE.hostname } });
      await talk.rows('after');
    },
  },
  {
    name: 'state/success twice at once',
    shape: 'many',
    play: (talk) => raceOfEnds(talk, SUCCESS, SUCCESS, ['200 + 204: success, 0 archived']),
  },
  {
    name: 'state/success and failure at once',
    shape: 'many',
    play: (talk) =>
      raceOfEnds(talk, SUCCESS, FAILED, [
        '204 + 409 invalid_state (success): success, 0 archived',
        '204 + 409 invalid_state (failed): failed, 0 archived',
      ]),
  },
  {
    name: 'state/up for retry twice at once',
    shape: 'many',
    // The loser looks for an id that the winner has just given away.
    play: (talk) => raceOfEnds(talk, UP_FOR_RETRY, UP_FOR_RETRY, ['204 + 404 not_found: up_for_retry, 1 archived']),
  },
];
