import { expect, test } from 'vitest';

import { judgeLiteral } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (run: LiteralRun) => judgeLiteral('processes-stay-alive', run);

const ALIVE = ['postgres', 'scheduler-1', 'scheduler-2'].map(
  (source) => ({ at_ms: 1_000, source, metric: 'rss_bytes', value: 1e8 }) as const,
);
const CALM = { at_ms: 1, source: 'scheduler-1', severity: 'WARNING', message: 'slow' };

test('a scheduler that a deadlock takes down is a violation that names the exception', async () => {
  const message =
    'scheduler-2 ended with code 1: sqlalchemy.exc.OperationalError: (psycopg2.errors.DeadlockDetected) deadlock ' +
    'detected';
  const result = await judge({
    samples: ALIVE,
    server_log: [{ at_ms: 9_000, source: 'scheduler-2', severity: 'FATAL', message }],
  });
  expect(result).toMatchObject({ verdict: 'fail', violations: 1, variants: { scheduler: 1 } });
  expect(result.first?.sentence).toMatch(
    /^scheduler-2 ended with code 1: .*DeadlockDetected.* by itself; it was started again/,
  );
});

test('a scheduler that ends because a row has got another id has a variant of its own', async () => {
  const message = 'scheduler-1 ended with code 1: AssertionError: Failed to add object to the flush context!';
  const server_log = [{ at_ms: 9_000, source: 'scheduler-1', severity: 'FATAL', message }];
  const { variants } = await judge({ samples: ALIVE, server_log });
  expect(variants).toEqual({ 'scheduler, a row under another id': 1 });
});

test('a scheduler that makes a second current try of a task, and ends, has a variant of its own', async () => {
  const message =
    'scheduler-1 ended with code 1: sqlalchemy.exc.IntegrityError: (psycopg2.errors.UniqueViolation) duplicate key ' +
    'value violates unique constraint "task_instance_current_key"';
  const server_log = [{ at_ms: 9_000, source: 'scheduler-1', severity: 'FATAL', message }];
  const { variants } = await judge({ samples: ALIVE, server_log });
  expect(variants).toEqual({ 'scheduler, a second current try': 1 });
});

test('what the nemesis kills is not in the log: a death there is its own, also after a kill', async () => {
  const server_log = [{ at_ms: 9_000, source: 'scheduler-2', severity: 'FATAL', message: 'scheduler-2 was ended' }];
  for (const [fault, victim] of [
    ['kill', 'scheduler-2'],
    ['pause', 'scheduler-1'],
  ]) {
    const faults = [{ fault, victim, opened_ms: 8_000, closed_ms: 8_950 }];
    expect(await judge({ samples: ALIVE, server_log, faults })).toMatchObject({ verdict: 'fail', violations: 1 });
  }
});

test('it passes when all processes lived', async () => {
  expect(await judge({ samples: ALIVE, server_log: [CALM] })).toMatchObject({ verdict: 'pass', exercised: 3 });
});

test('what PostgreSQL calls FATAL is a lost connection, not a death', async () => {
  const fatal = { at_ms: 5, source: 'postgres', severity: 'FATAL', message: 'terminating connection' };
  expect(await judge({ samples: ALIVE, server_log: [fatal] })).toMatchObject({ verdict: 'pass' });
});

test('it is unknown where the processes cannot be seen', async () => {
  expect(
    await judge({ samples: [{ at_ms: 1, source: 'harness', metric: 'rss_bytes', value: 1 }], server_log: [CALM] }),
  ).toMatchObject({ verdict: 'unknown' });
});

test('a process may end when its connections are cut, soon, and no other may', async () => {
  const death = { at_ms: 9_000, source: 'scheduler-1', severity: 'FATAL', message: 'scheduler-1 ended with code 1' };
  const dies = async (fault: string, victim: string, opened_ms: number) => {
    const faults = [{ window: 1, fault, victim, opened_ms, closed_ms: opened_ms + 1_000 }];
    return (await judge({ samples: ALIVE, server_log: [death], faults })).violations;
  };
  for (const fault of ['restart-postgres', 'exhaust-connections']) expect(await dies(fault, 'postgres', 5_000)).toBe(0);
  expect(await dies('kill-backend', 'scheduler-1', 5_000)).toBe(0);
  expect(await dies('kill-backend', 'scheduler-2', 5_000)).toBe(1);
  expect(await dies('restart-postgres', 'postgres', 9_500)).toBe(1);
  expect(await dies('restart-postgres', 'postgres', -23_000)).toBe(1);
  // These cut nothing.
  for (const fault of ['pause', 'slow-cpu']) expect(await dies(fault, 'scheduler-1', 8_500)).toBe(1);
  for (const fault of ['slow-disk', 'bystander-lock']) expect(await dies(fault, 'postgres', 8_500)).toBe(1);
});
