import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import type { LifeOutcome } from '../handoff/workload.ts';
import type { ExecutorHazard } from '../model/misbehaviour.ts';
import { CompletionNotifier } from './completion-notifier.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

async function notified(how: ExecutorHazard['how']) {
  const sent: string[] = [];
  const notifier = new CompletionNotifier();
  const deliveryOf = (number: number) => ({
    end: (outcome: LifeOutcome, again?: number) =>
      void sent.push(`${number} ${outcome}${again === undefined ? '' : ` again after ${again}`}`),
  });
  const notify = (number: number, outcome: LifeOutcome) => notifier.notify(deliveryOf(number), outcome);
  const heal = await notifier.openWindow({ how, share: 1, seed: 1, ms: [5_000, 5_000] });
  for (const delivery of [1, 2, 3]) notify(delivery, 'success');
  return { notifier, notify, heal, sent };
}

test('late: nothing is sent until the time has passed, whether the window is open or not', async () => {
  const { heal, sent } = await notified('late');
  expect(sent).toEqual([]);
  expect(await heal()).toBe('3 ends');
  vi.advanceTimersByTime(5_000);
  expect(sent).toEqual(['1 success', '2 success', '3 success']);
});

test('doubled: sent at once, and to be sent again', async () => {
  const { sent } = await notified('doubled');
  expect(sent).toEqual([1, 2, 3].map((delivery) => `${delivery} success again after 5000`));
});

test('reordered: the last comes first, when the time has passed or the window closes', async () => {
  const { notify, heal, sent } = await notified('reordered');
  vi.advanceTimersByTime(5_000);
  expect(sent.splice(0)).toEqual(['3 success', '2 success', '1 success']);
  notify(4, 'fail');
  notify(5, 'fail');
  await heal();
  expect(sent).toEqual(['5 fail', '4 fail']);
});

test('lost: never sent; after the window everything is sent again', async () => {
  const { notify, heal, sent } = await notified('lost');
  await heal();
  vi.advanceTimersByTime(60_000);
  expect(sent).toEqual([]);
  notify(4, 'fail');
  expect(sent).toEqual(['4 fail']);
});

test('news that takes its time meets the windows that are open when it comes', async () => {
  const { notifier, heal, sent } = await notified('lost');
  const delivery = { end: (outcome: LifeOutcome) => void sent.push(outcome) };
  notifier.notify(delivery, 'success', 5_000);
  notifier.notify(delivery, 'fail', 1_000);
  vi.advanceTimersByTime(1_000);
  await heal();
  expect(sent).toEqual([]);
  vi.advanceTimersByTime(4_000);
  expect(sent).toEqual(['success']);
});

test('a closed fleet sends nothing more', async () => {
  const { notifier, sent } = await notified('late');
  notifier.close();
  vi.advanceTimersByTime(60_000);
  expect(sent).toEqual([]);
});
