import { expect, test } from 'vitest';

import { judgeLiteral, many } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (run: LiteralRun) => judgeLiteral('a-superseded-try-is-refused', run);

const CLEARED = { id: 'ti-2', old_id: 'ti-1', state: 'restarting', committed_ms: 3_000, writer: 'wt-api-core-1' };
const BEAT = { op: 4, kind: 'heartbeat', sent_ms: 4_000 } as const;

test('a heartbeat with an id that is gone, and is accepted, is a violation', async () => {
  const result = await judge({ operations: [BEAT], commits: [{ state: 'running', committed_ms: 1_000 }, CLEARED] });
  expect(result).toMatchObject({ verdict: 'fail', violations: 1, variants: { 'heartbeat after api-core': 1 } });
  expect(result.first).toMatchObject({ severity: 1_000, operations: [4], commits: [2] });
  expect(result.first?.sentence).toBe(
    'wt-api-core-1 gave wt_dag/run1/task a new try (it was RESTARTING then); 1.0 s later worker w-1 of the old try ' +
      '(try 1) sent a heartbeat, and the server accepted it with 200.',
  );
});

test('an end report with the id of a superseded try has a variant of its own', async () => {
  const end = { ...BEAT, kind: 'state', requested: 'success', status: 204 } as const;
  const result = await judge({ operations: [end], commits: [CLEARED] });
  expect(result.variants).toEqual({ 'end report after api-core': 1 });
  expect(result.first?.sentence).toContain('sent its end SUCCESS, and the server accepted it with 204.');
});

test('what was sent at the same moment may have come first', async () => {
  const result = await judge({ operations: [{ ...BEAT, sent_ms: 3_200 }], commits: [CLEARED] });
  expect(result).toMatchObject({ verdict: 'unknown', violations: 0, exercised: 0 });
});

test('it passes where three were refused', async () => {
  const refused = many(3, (i) => ({ ...BEAT, op: 4 + i, outcome: 'refused' as const, status: 410 }));
  expect(await judge({ operations: refused, commits: [CLEARED] })).toMatchObject({ verdict: 'pass', exercised: 3 });
});
