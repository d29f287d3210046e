import type { Dialogue } from '../dialogue.ts';
import {
  bulkUpdate,
  deleteRun,
  FAILED,
  heartbeat,
  markRun,
  markTask,
  rtif,
  SUCCESS,
  skipDownstream,
  start,
  state,
  xcom,
} from '../requests.ts';

export const markDialogues: readonly Dialogue[] = [
  {
    name: 'mark/a running task as success',
    shape: 'pair',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.prepare(start(ti));
      await talk.send('mark', markTask(talk, 'task', { new_state: 'success' }));
      await talk.rows('after', ['task']);
      await talk.send('its heartbeat', heartbeat(ti));
      await talk.send('its failure', state(ti, FAILED));
      await talk.rows('at the end', ['task']);
    },
  },
  {
    name: 'mark/a queued task as failed, and again',
    shape: 'pair',
    async play(talk) {
      await talk.send('mark', markTask(talk, 'task', { new_state: 'failed' }));
      await talk.send('again', markTask(talk, 'task', { new_state: 'failed' }));
      await talk.send('its start', start(talk.ti('task')));
      await talk.rows('after');
    },
  },
  {
    name: 'mark/a task as skipped',
    shape: 'pair',
    async play(talk) {
      await talk.send('mark', markTask(talk, 'task', { new_state: 'skipped' }));
      await talk.rows('after', ['task']);
    },
  },
  {
    name: 'mark/dry run, what is not there, and bad bodies',
    shape: 'pair',
    async play(talk) {
      await talk.send('dry run', markTask(talk, 'task', { new_state: 'failed' }, '/dry_run'));
      await talk.send('unknown task', markTask(talk, 'nowhere', { new_state: 'failed' }));
      await talk.send('no state', markTask(talk, 'task', { new_state: 'nonsense' }));
      await talk.send('running', markTask(talk, 'task', { new_state: 'running' }));
      await talk.send('empty', markTask(talk, 'task', {}));
      await talk.send('unknown key', markTask(talk, 'task', { new_state: 'failed', extra: 1 }));
      await talk.rows('after');
    },
  },
  {
    name: 'mark/a run as failed',
    shape: 'pair',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.prepare(start(ti));
      await talk.send('mark', markRun(talk, { state: 'failed' }));
      await talk.rows('after');
      await talk.send('its heartbeat', heartbeat(ti));
      await talk.send('its success', state(ti, SUCCESS));
      await talk.rows('at the end');
    },
  },
  {
    name: 'mark/a run as success, then queued',
    shape: 'pair',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.prepare(start(ti));
      await talk.send('success', markRun(talk, { state: 'success' }));
      await talk.rows('after success');
      await talk.send('queued', markRun(talk, { state: 'queued' }));
      await talk.again('task');
      await talk.again('other');
      await talk.rows('after queued');
    },
  },
  {
    name: 'mark/a run that is not there, and bad bodies',
    shape: 'pair',
    async play(talk) {
      await talk.send('unknown run', markRun(talk, { state: 'failed' }, 'nowhere'));
      await talk.send('nonsense', markRun(talk, { state: 'nonsense' }));
      await talk.send('running', markRun(talk, { state: 'running' }));
      await talk.send('empty', markRun(talk, {}));
    },
  },
];

const LEFT = 'SELECT count(*) FROM task_instance WHERE dag_id = $1 AND run_id = $2';

export const deleteDialogues: readonly Dialogue[] = [
  {
    name: 'delete/a running run, then queued with a task at work',
    shape: 'pair',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.prepare(start(ti));
      await talk.send('running', deleteRun(talk));
      await talk.prepare(markRun(talk, { state: 'queued' }));
      await talk.send('queued', deleteRun(talk));
      await talk.race('what is left', ['0'], 1, async () => String(await talk.value(LEFT, [talk.dagId, talk.runId])));
      await talk.send('again', deleteRun(talk));
      await talk.send('its heartbeat', heartbeat(ti));
      await talk.send('its rendered fields', rtif(ti, { a: '1' }));
      await talk.send('its result', xcom('POST', ti, 'return_value', 1));
      await talk.send('its skip', skipDownstream(ti, ['other']));
      await talk.send('its success', state(ti, SUCCESS));
      await talk.send('the start of another', start(talk.ti('other')));
    },
  },
  {
    name: 'delete/a run that has ended, and what is not there',
    shape: 'pair',
    async play(talk) {
      await talk.prepare(markRun(talk, { state: 'failed' }));
      await talk.send('failed', deleteRun(talk));
      await talk.send('unknown', deleteRun(talk, 'nowhere'));
    },
  },
];

export const bulkDialogues: readonly Dialogue[] = [
  {
    name: 'bulk/a running task as failed, and again',
    shape: 'pair',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.prepare(start(ti));
      await talk.send('mark', bulkUpdate(talk, [{ task_id: ti.taskId, new_state: 'failed' }]));
      await talk.rows('after');
      await talk.send('again', bulkUpdate(talk, [{ task_id: ti.taskId, new_state: 'failed' }]));
      await talk.send('its heartbeat', heartbeat(ti));
      await talk.send('its success', state(ti, SUCCESS));
      await talk.rows('at the end');
    },
  },
  {
    name: 'bulk/with a map index, and two at once',
    shape: 'pair',
    async play(talk) {
      const [task, other] = [talk.ti('task').taskId, talk.ti('other').taskId];
      await talk.send('index', bulkUpdate(talk, [{ task_id: task, map_index: -1, new_state: 'skipped' }]));
      const both = [task, other].map((task_id) => ({ task_id, new_state: 'success' }));
      // In which order it names them is not promised.
      await talk.prepare(bulkUpdate(talk, both));
      await talk.rows('after');
    },
  },
  {
    name: 'bulk/what is not there, and bad bodies',
    shape: 'pair',
    async play(talk) {
      const { taskId } = talk.ti('task');
      const unknown = [{ task_id: 'nowhere', new_state: 'failed' }];
      await talk.send('unknown task', bulkUpdate(talk, unknown));
      await talk.send('unknown task, skipped', bulkUpdate(talk, unknown, { action_on_non_existence: 'skip' }));
      await talk.send('unknown index', bulkUpdate(talk, [{ task_id: taskId, map_index: 7, new_state: 'failed' }]));
      await talk.send('no entities', bulkUpdate(talk, []));
      await talk.send('unknown key', bulkUpdate(talk, [{ task_id: taskId, new_state: 'failed', extra: 1 }]));
      await talk.send('no state', bulkUpdate(talk, [{ task_id: taskId, new_state: 'nonsense' }]));
      await talk.rows('after');
    },
  },
];
