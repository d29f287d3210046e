import { expect, test } from 'vitest';

import { judgeLiteral, many } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';
import { keptRun, madeRun, trigger } from '../testing/trigger-rows.ts';

const judge = (run: LiteralRun) => judgeLiteral('a-trigger-has-its-run', run);
/** What shows that the record of commits continues after the triggers. */
const LATER = { state: 'queued', committed_ms: 50_000, change: 'insert' };

test('an acknowledged trigger without a run is a violation', async () => {
  const result = await judge({ operations: [trigger(1)], commits: [LATER] });
  expect(result).toMatchObject({ verdict: 'fail', variants: { 'no run': 1 } });
  expect(result.first).toMatchObject({ at_ms: 1_005, operations: [1], commits: [] });
  expect(result.first?.sentence).toBe(
    'The trigger of wt_child/run-1 by worker w-1 was answered 204, but the run was never committed.',
  );
});

test('so is one of which the run has another configuration, unless the run was deleted since', async () => {
  const run = { operations: [trigger(1)], commits: [madeRun(1), LATER] };
  const result = await judge({ ...run, finals: { dag_run: [{ ...keptRun(1), conf: {} }] } });
  expect(result.variants).toEqual({ 'other configuration': 1 });
  expect(result.first).toMatchObject({ operations: [1], commits: [1] });
  expect(result.first?.sentence).toMatch(/has the configuration «\{\}» and not «\{"windtunnel":"life 1"\}»\.$/);
  expect((await judge({ ...run, finals: { dag_run: [keptRun(1)] } })).first).toBeNull();
  expect((await judge({ ...run, finals: { dag_run: [] } })).first).toBeNull();
});

test('a trigger that was refused, was not answered, or was answered as the record ends says nothing', async () => {
  const operations = [
    trigger(1, { outcome: 'refused', status: 409 }),
    trigger(2, { outcome: 'unknown', status: null }),
    trigger(3, { sent_ms: 49_000 }),
  ];
  expect(await judge({ operations, commits: [LATER] })).toMatchObject({
    verdict: 'unknown',
    exercised: 0,
    first: null,
  });
});

test('it passes when twenty triggers have their runs, and is unknown with fewer', async () => {
  const run = (n: number): LiteralRun => ({
    operations: many(n, (i) => trigger(i)),
    commits: [...many(n, (i) => madeRun(i)), LATER],
    finals: { dag_run: many(n, keptRun) },
  });
  expect(await judge(run(20))).toMatchObject({ verdict: 'pass', exercised: 20 });
  expect(await judge(run(19))).toMatchObject({ verdict: 'unknown', exercised: 19 });
});
