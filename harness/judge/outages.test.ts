import { expect, test } from 'vitest';

import { judgeLiteral } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const pause = (value: number) => [{ at_ms: 30_000, source: 'harness', metric: 'loop_delay_ms', value }];
/** A worker's token that is refused. */
const refused = (sent_ms: number) => ({ sent_ms, ended_ms: sent_ms + 10, outcome: 'refused', status: 403 }) as const;
const judge = (run: LiteralRun) => judgeLiteral('tokens-keep-working', run);

test('a violation after the harness stalled is in doubt, however it came about', async () => {
  const result = await judge({ operations: [refused(31_000), refused(50_000)], samples: pause(25_000) });
  expect(result).toMatchObject({ verdict: 'unknown', violations: 0, first: null });
  expect(result.why_unknown).toBe('2 violations are in doubt, because the harness stalled for 25.0 s until 30.0 s.');
});

test('one before it is a violation, and the only one', async () => {
  const result = await judge({ operations: [refused(3_000), refused(31_000)], samples: pause(25_000) });
  expect(result).toMatchObject({ verdict: 'fail', violations: 1, first: { at_ms: 3_010 }, last: { at_ms: 3_010 } });
});

test('a pause that no worker’s request outlasts puts nothing in doubt', async () => {
  expect(await judge({ operations: [refused(31_000)], samples: pause(4_900) })).toMatchObject({ violations: 1 });
});
