import { expect, test } from 'vitest';

import { passedRequest } from './passed-request.ts';

const TI = '/task-instances/0197c0de-0000-7000-8000-000000000001';

test.each([
  ['PATCH', `${TI}/run`, '{"state":"running","pid":7}', { kind: 'run', requested: 'running' }],
  ['PUT', `${TI}/heartbeat`, '{"hostname":"w-1","pid":7}', { kind: 'heartbeat' }],
  ['PATCH', `${TI}/state`, '{"state":"success"}', { kind: 'state', requested: 'success' }],
  ['PUT', `${TI}/rtif`, '{"bash_command":"echo"}', { kind: 'rtif', requested: '{"bash_command":"echo"}' }],
  ['PATCH', `${TI}/skip-downstream`, '{"tasks":["a",["b",-1]]}', { kind: 'skip_downstream', target: 'a b' }],
  ['POST', '/xcoms/d/r/t/a%20key', '"life 1"', { kind: 'xcom_push', target: 'a key', requested: 'life 1' }],
  ['POST', '/xcoms/d/r/t/k', '[1, 2]', { kind: 'xcom_push', target: 'k', requested: '[1, 2]' }],
  ['POST', '/dag-runs/d/r%2B1', '{"conf":{"a":1}}', { kind: 'trigger_run', target: 'd/r+1', requested: '{"a":1}' }],
  ['DELETE', '/xcoms/d/r/t/return_value', '', { kind: 'xcom_clear', target: 'return_value' }],
  ['GET', '/xcoms/d/r/t/return_value', '', { kind: 'other', target: 'GET xcoms' }],
  ['PUT', '/variables/v', '{"value":1}', { kind: 'other', target: 'PUT variables' }],
])('%s %s', (method, path, text, expected) => {
  expect(passedRequest(method, path, text)).toEqual(expected);
});

test('a body that is not what a worker sends is a request without names', () => {
  expect(passedRequest('PATCH', `${TI}/state`, 'not JSON')).toEqual({ kind: 'state' });
  expect(passedRequest('PATCH', `${TI}/skip-downstream`, '{}')).toEqual({ kind: 'skip_downstream', target: '' });
});
