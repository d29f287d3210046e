import { expect, test } from 'vitest';

import { Register } from './register.ts';
import { keyOf, type Workload } from './workload.ts';

const REMEMBER_MS = 1_000;

function workload(n: number, try_number = 1): Workload {
  const ti = { id: `ti-${n}`, dag_id: 'dag', run_id: 'run', task_id: `task-${n}`, map_index: -1, try_number };
  return { token: 'token', ti };
}

test('an ended delivery is known for a limited time', () => {
  const register = new Register(REMEMBER_MS);
  register.deliver(workload(1), 'scheduler-1', 1);
  register.end('ti-1', 'success', 0);
  // Sent again because its acknowledgement was lost.
  expect(register.deliver(workload(1), 'scheduler-1', 1)).toBe('resend');
  expect(register.adopt([keyOf(workload(1).ti)], 'scheduler-2')).toMatchObject([{ tiId: 'ti-1', outcome: 'success' }]);

  register.deliver(workload(2), 'scheduler-1', 2);
  register.end('ti-2', 'success', REMEMBER_MS - 1);
  expect(register.adopt([keyOf(workload(1).ti)], 'scheduler-2')).toHaveLength(1);
  register.deliver(workload(3), 'scheduler-1', 3);
  register.end('ti-3', 'success', REMEMBER_MS);
  expect(register.adopt([keyOf(workload(1).ti)], 'scheduler-2')).toEqual([]);
  expect(register.adopt([keyOf(workload(2).ti)], 'scheduler-2')).toHaveLength(1);
  expect(register.deliveriesOf('ti-1')).toBe(0);
  expect(register.deliveriesOf('ti-2')).toBe(1);
});

test('a task that has come back by then keeps its count', () => {
  const register = new Register(REMEMBER_MS);
  register.deliver(workload(1), 'scheduler-1', 1);
  register.end('ti-1', 'fail', 0);
  register.deliver(workload(1, 2), 'scheduler-1', 2);
  register.deliver(workload(2), 'scheduler-1', 3);
  register.end('ti-2', 'success', 2 * REMEMBER_MS);
  expect(register.deliveriesOf('ti-1')).toBe(2);
  expect(register.counts()).toMatchObject({ live: 1, delivered: 3, ended: 2 });
});
