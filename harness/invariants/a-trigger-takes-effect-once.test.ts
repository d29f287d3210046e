import { expect, test } from 'vitest';

import { judgeLiteral, many } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';
import { CONF, keptRun, madeRun, trigger } from '../testing/trigger-rows.ts';

const judge = (run: LiteralRun) => judgeLiteral('a-trigger-takes-effect-once', run);

const FIRST = trigger(1, { op: 1, outcome: 'unknown', cause: 'answer-dropped' });
const AGAIN = trigger(1, { op: 2, attempt: 2, sent_ms: 2_500 });
const REFUSED = { ...AGAIN, outcome: 'refused', status: 409, reason: 'already_exists', message: 'it exists' } as const;

test('a trigger that is refused its own run when it is sent again is a violation', async () => {
  const result = await judge({ operations: [FIRST, REFUSED], commits: [madeRun(1)] });
  expect(result).toMatchObject({ verdict: 'fail', variants: { refused: 1 } });
  expect(result.first).toMatchObject({ at_ms: 2_505, operations: [1, 2], commits: [1] });
  expect(result.first?.sentence).toBe(
    'Worker w-1 sent its trigger of wt_child/run-1 again, because the first answer was lost, and was refused («it ' +
      'exists»), although it had made that run itself 1.5 s before.',
  );
});

test('a trigger that is refused because of a run that was there before is none', async () => {
  const result = await judge({
    operations: [FIRST, REFUSED],
    commits: [{ ...madeRun(1), committed_ms: 500 }],
  });
  expect(result.first).toBeNull();
});

test('two runs with the configuration of one trigger are a violation', async () => {
  const run = {
    operations: [FIRST, AGAIN],
    commits: [madeRun(1), { ...madeRun(2), committed_ms: 2_502, run_id: 'run-1_again' }],
  };
  const finals = (conf: object) => ({ dag_run: [keptRun(1), { ...keptRun(2), run_id: 'run-1_again', conf }] });
  const result = await judge({ ...run, finals: finals(CONF) });
  expect(result.variants).toEqual({ 'another run': 1 });
  expect(result.first).toMatchObject({ operations: [1, 2], commits: [1, 2] });
  expect(result.first?.sentence).toMatch(/2 times, and there are 2 runs with its configuration: run-1, run-1_again\.$/);
  expect((await judge({ ...run, finals: finals({ windtunnel: 'life 7' }) })).first).toBeNull();
});

test('it passes when five triggers were sent again and accepted, and is unknown with fewer', async () => {
  const run = (n: number): LiteralRun => ({
    operations: many(n, (i) => [
      { ...trigger(i, { op: 2 * i, outcome: 'unknown' }) },
      { ...trigger(i, { op: 2 * i + 1, attempt: 2, sent_ms: 2_500 }) },
    ]).flat(),
    commits: many(n, (i) => madeRun(i)),
    finals: { dag_run: many(n, keptRun) },
  });
  expect(await judge(run(5))).toMatchObject({ verdict: 'pass', exercised: 5 });
  expect(await judge(run(4))).toMatchObject({ verdict: 'unknown', exercised: 4 });
});
