import { expect, test } from 'vitest';

import { judgeLiteral, many } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (run: LiteralRun) => judgeLiteral('impostors-are-refused', run);

const RUN = { op: 1, kind: 'run', sent_ms: 1_000 } as const;
const RUNNING = { state: 'running', committed_ms: 1_003, writer: 'wt-api-execution-1' };
const IMPOSTOR = { worker: 'w-1-impostor', sent_ms: 4_000 } as const;
const NO = { outcome: 'refused', status: 409, reason: 'running_elsewhere' } as const;

test('a start of an impostor that is accepted is a violation, with what it cost the owner', async () => {
  const result = await judge({
    operations: [
      RUN,
      { ...IMPOSTOR, op: 2, kind: 'impostor_run' },
      { op: 3, kind: 'heartbeat', sent_ms: 5_000, ended_ms: 5_005, ...NO },
    ],
    commits: [{ state: 'queued', committed_ms: 900 }, RUNNING, { ...RUNNING, committed_ms: 4_002 }],
  });
  expect(result).toMatchObject({ verdict: 'fail', violations: 1, variants: { start: 1 } });
  expect(result.first?.operations).toEqual([2, 3]);
  expect(result.first?.sentence).toBe(
    'While worker w-1 ran wt_dag/run1/task, another worker (w-1-impostor) started it and the server accepted that ' +
      'with 200; 1.0 s later the heartbeat of the first was refused with 409, and its work was lost.',
  );
});

test('a heartbeat of an impostor that is accepted is a violation', async () => {
  const result = await judge({
    operations: [RUN, { ...IMPOSTOR, op: 2, kind: 'impostor_heartbeat', status: 204 }],
    commits: [RUNNING],
  });
  expect(result).toMatchObject({ violations: 1, variants: { heartbeat: 1 } });
});

test('once the owner no longer runs the task, any worker may', async () => {
  const result = await judge({
    operations: [RUN, { ...IMPOSTOR, op: 2, kind: 'impostor_run' }],
    commits: [RUNNING, { state: 'up_for_retry', committed_ms: 3_900, writer: 'wt-scheduler-1' }],
  });
  expect(result).toMatchObject({ verdict: 'unknown', violations: 0, exercised: 0 });
});

test('it passes where ten impostors were refused', async () => {
  const impostors = many(10, (i) => ({ ...IMPOSTOR, ...NO, op: 10 + i, kind: 'impostor_run' as const }));
  const result = await judge({ operations: [RUN, ...impostors], commits: [RUNNING] });
  expect(result).toMatchObject({ verdict: 'pass', exercised: 10 });
});
