import { expect, test } from 'vitest';

import { workerLogText } from './worker-log.ts';

const FILE = 'logs/workers/life-138.log';
const line = (second: number, level: string, event: string, more: object = {}) =>
  JSON.stringify({ timestamp: `2026-11-30T14:10:${second}.062083Z`, level, event, logger: 'supervisor', ...more });

const KILLED = [
  line(18, 'info', 'DAG bundles loaded: dags-folder'),
  'not JSON',
  line(24, 'error', "Server indicated the task shouldn't be running anymore", {
    detail: { detail: { reason: 'not_running', message: 'TI is no longer …', current_state: 'skipped' } },
    status_code: 409,
  }),
  line(24, 'error', 'Task failed with exception', {
    error_detail: [{ exc_type: 'RuntimeError', exc_value: 'the command ended with -15', frames: [] }],
  }),
  line(29, 'info', 'Process exited', { exit_code: 0, signal_sent: 'SIGTERM' }),
  line(29, 'info', 'Task finished', { exit_code: 0, final_state: 'SERVER_TERMINATED' }),
].join('\n');

test('of a worker that was stopped: why, what its task made of it, and how it ended', () => {
  expect(workerLogText(FILE, KILLED, { color: false }).split('\n')).toEqual([
    'logs/workers/life-138.log, what its supervisor and its task printed',
    "  14:10:24.062  error  Server indicated the task shouldn't be running anymore; 409 not_running, found SKIPPED",
    '  14:10:24.062  error  Task failed with exception; the command ended with -15',
    '  14:10:29.062  info   Process exited; after SIGTERM; exit code 0',
    '  14:10:29.062  info   Task finished; SERVER_TERMINATED; exit code 0',
  ]);
});

test('of a worker that did its work there is nothing to say', () => {
  const text = [line(18, 'info', 'Starting'), line(29, 'info', 'Task finished', { final_state: 'success' })].join('\n');
  expect(workerLogText(FILE, text, { color: false })).toBe('');
  expect(workerLogText(FILE, '', { color: false })).toBe('');
});

test('the last lines are shown, and control characters are not passed on', () => {
  const many = Array.from({ length: 10 }, (_, i) => line(10 + i, 'error', `\u001b[2Jerror ${i}`)).join('\n');
  const [head, ...shown] = workerLogText(FILE, many, { color: false }).split('\n');
  expect(head).toContain('(4 lines before it)');
  expect(shown).toHaveLength(6);
  expect(shown.join('')).not.toContain('\u001b');
});
