import type { Dialogue } from '../dialogue.ts';
import { FAILED, heartbeat, markRun, markTask, SUCCESS, start, state } from '../requests.ts';

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
