import { expect, test } from 'vitest';

import type { JudgedEpisode, StepRow } from '../../harness/model/episode.ts';
import { heldStatements, howOftenBroken, orderTable, type ReplayedOrder } from './replayed-order.ts';

const step = (number: number, text: string, rest: Partial<StepRow> = {}): StepRow => ({
  ...{ episode: 1, step: number, line: number, text, began_ms: 1_000 + number * 10, ended_ms: 1_005 + number * 10 },
  ...{ result: null, process: null, pid: null, statement: null },
  ...rest,
});
const episode = (kind: JudgedEpisode['kind'], outcome: JudgedEpisode['outcome']): JudgedEpisode => ({
  ...{ episode: 1, race: '#1', file: '1.race.yaml', kind, outcome, seconds: 1, step: null, why: null },
  ...{ violations: [], others: [] },
});
const shown = episode('script', 'broken');
const order: ReplayedOrder = {
  episodes: [shown, episode('script', 'held'), episode('without-holds', 'held')],
  shown,
  steps: [
    step(0, 'worker d: run', { result: '200' }),
    step(1, 'hold api-execution before 2nd lock task_instance of d as report'),
    step(2, 'worker d: success &'),
    step(3, 'report is reached', { process: 'api-execution-1', result: 'held', statement: 'SELECT  1 | 2' }),
    step(4, 'scheduler is blocked by report', { process: 'scheduler-1', result: 'waits', statement: 'UPDATE x' }),
    step(5, 'release report', { result: 'after 9 ms' }),
    step(6, 'worker d is answered', { result: '204' }),
  ],
  script: null,
};

test('each step stands in the column of who acts, and setting a hold is none', () => {
  expect(orderTable(order).split('\n')).toEqual([
    '|  | worker d | api-execution-1 | scheduler-1 |',
    '| --- | --- | --- | --- |',
    '| 0 ms | run: 200 |  |  |',
    '| 20 ms | success |  |  |',
    '| 30 ms |  | held: SELECT 1 \\| 2 |  |',
    '| 40 ms |  |  | waits: UPDATE x |',
    '| 50 ms |  | is let go: after 9 ms |  |',
    '| 60 ms | is answered: 204 |  |  |',
  ]);
});

test('each held statement is there once, with who sent it', () => {
  const again = { ...order, steps: [...order.steps, ...order.steps] };
  const texts = heldStatements(again, (statement) => statement.replace('1 |', '…'));
  expect(texts).toEqual([
    'api-execution-1, at "report is reached":\n\n```sql\nSELECT  … 2\n```',
    'scheduler-1, at "scheduler is blocked by report":\n\n```sql\nUPDATE x\n```',
  ]);
});

test('it says how often the order and each control broke it', () => {
  expect(howOftenBroken(order)).toBe('In the order below: 1 of 2 times; without holds: 0 of 1 time.');
});
