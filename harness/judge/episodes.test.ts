import { expect, test } from 'vitest';

import { judgeAll } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

function episode(number: number, row: NonNullable<LiteralRun['episodes']>[number] = {}) {
  return {
    episode: number,
    race: 'x',
    file: 'x.race.yaml',
    breaks: '{"rtif-last-writer-wins":["another write"]}',
    kind: 'script',
    dag_id: `wt_x_0${number}`,
    from_ms: number * 10_000,
    played_ms: number * 10_000 + 5_000,
    to_ms: number * 10_000 + 6_000,
    ended: 'played',
    step: null,
    why: null,
    held_ms: null,
    ...row,
  };
}

/** Of two writes at once the second is refused. */
function refusedFields(dag_id: string, sent_ms: number): NonNullable<LiteralRun['operations']> {
  const write = { dag_id, kind: 'rtif' as const, ti_id: dag_id, sent_ms };
  return [
    { ...write, ended_ms: sent_ms + 100, requested: '{"f":"a"}' },
    {
      ...{ ...write, ended_ms: sent_ms + 90, requested: '{"f":"b"}', outcome: 'refused' as const, status: 409 },
      message: 'Unique constraint violation',
    },
  ];
}

test('a violation belongs to the episode of its DAG, and only what the file names makes it broken', async () => {
  const { episodes } = await judgeAll({
    operations: [
      ...refusedFields('wt_x_01', 11_000),
      ...refusedFields('wt_x_03', 31_000),
      { kind: 'rtif', op: 5, duplicate_of: 5, ti_id: 'x', sent_ms: 51_000, ended_ms: 51_100, requested: '{}' },
      { kind: 'rtif', op: 6, duplicate_of: 5, ti_id: 'x', sent_ms: 51_000, ended_ms: 51_100, requested: '{}' },
    ],
    episodes: [
      episode(1),
      episode(2),
      episode(3, { breaks: '{"error-contract":null}' }),
      episode(4, { ended: 'not-reached', step: 3, why: 'did not come about' }),
      episode(5, { ended: 'excluded', step: 4, why: 'waits' }),
      episode(6, { ended: 'absent', step: 3, why: 'did not come about' }),
    ],
  });
  expect(episodes?.map(({ outcome, others, why }) => [outcome, others, why])).toEqual([
    ['broken', [], null],
    ['held', [], null],
    ['held', ['rtif-last-writer-wins'], null],
    ['not-reached', [], 'did not come about'],
    ['excluded', [], 'waits'],
    ['held', [], 'did not come about'],
  ]);
  expect(episodes?.[0]?.violations).toMatchObject([{ invariant: 'rtif-last-writer-wins', variant: 'another write' }]);
  expect(episodes?.[0]?.seconds).toBe(6);
});

test('an episode of an invariant that was never exercised has shown nothing', async () => {
  const breaks = '{"max-active-runs-is-kept":null}';
  const { episodes } = await judgeAll({ operations: [{}], episodes: [episode(1, { breaks })] });
  expect(episodes?.map(({ outcome, why }) => [outcome, why])).toEqual([
    ['not-reached', 'max-active-runs-is-kept: not exercised'],
  ]);
});

test('a run that is no replay has no episodes', async () => {
  expect(await judgeAll({ operations: [{}] })).not.toHaveProperty('episodes');
});
