import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import type { ExecutorHazard } from '../model/misbehaviour.ts';
import { EndNews } from './completion-notifier.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

async function told(how: ExecutorHazard['how']) {
  const heard: string[] = [];
  const news = new EndNews((delivery, outcome, again) =>
    heard.push(`${delivery} ${outcome}${again === undefined ? '' : ` again after ${again}`}`),
  );
  const heal = await news.openWindow({ how, share: 1, seed: 1, ms: [5_000, 5_000] });
  for (const delivery of [1, 2, 3]) news.tell(delivery, 'success');
  return { news, heal, heard };
}

test('late: nothing is heard until the time has passed, whether the window is open or not', async () => {
  const { heal, heard } = await told('late');
  expect(heard).toEqual([]);
  expect(await heal()).toBe('3 ends');
  vi.advanceTimersByTime(5_000);
  expect(heard).toEqual(['1 success', '2 success', '3 success']);
});

test('doubled: told at once, and to be told again', async () => {
  const { heard } = await told('doubled');
  expect(heard).toEqual([1, 2, 3].map((delivery) => `${delivery} success again after 5000`));
});

test('reordered: the last comes first, when the time has passed or the window closes', async () => {
  const { news, heal, heard } = await told('reordered');
  vi.advanceTimersByTime(5_000);
  expect(heard.splice(0)).toEqual(['3 success', '2 success', '1 success']);
  news.tell(4, 'fail');
  news.tell(5, 'fail');
  await heal();
  expect(heard).toEqual(['5 fail', '4 fail']);
});

test('lost: never told; after the window all is told again', async () => {
  const { news, heal, heard } = await told('lost');
  await heal();
  vi.advanceTimersByTime(60_000);
  expect(heard).toEqual([]);
  news.tell(4, 'fail');
  expect(heard).toEqual(['4 fail']);
});

test('a closed fleet tells nothing more', async () => {
  const { news, heard } = await told('late');
  news.close();
  vi.advanceTimersByTime(60_000);
  expect(heard).toEqual([]);
});
