import { expect, test } from 'vitest';

import { judgeLiteral } from '../judge/judge-literal.ts';
import type { LiteralRun } from '../judge/literal-run.ts';

const judge = (run: LiteralRun) => judgeLiteral('processes-stay-alive', run);

const ALIVE = ['postgres', 'scheduler-1', 'scheduler-2'].map(
  (source) => ({ at_ms: 1_000, source, metric: 'rss_bytes', value: 1e8 }) as const,
);
const CALM = { at_ms: 1, source: 'scheduler-1', severity: 'WARNING', message: 'slow' };

test('a scheduler that a deadlock takes down is a violation that names the exception', async () => {
  const message =
    'scheduler-2 ended with code 1: sqlalchemy.exc.OperationalError: (psycopg2.errors.DeadlockDetected) deadlock detected';
  const result = await judge({
    samples: ALIVE,
    server_log: [{ at_ms: 9_000, source: 'scheduler-2', severity: 'FATAL', message }],
  });
  expect(result).toMatchObject({ verdict: 'fail', violations: 1, paths: { scheduler: 1 } });
  expect(result.first?.sentence).toMatch(
    /^scheduler-2 ended with code 1: .*DeadlockDetected.* by itself; it was started again/,
  );
});

test('a process that the harness killed did not die by itself', async () => {
  const server_log = [{ at_ms: 9_000, source: 'scheduler-2', severity: 'FATAL', message: 'scheduler-2 was ended' }];
  const fault = (name: string, victim: string) => ({
    samples: ALIVE,
    server_log,
    faults: [{ fault: name, victim, opened_ms: 8_900, closed_ms: 8_950 }],
  });
  expect(await judge(fault('kill', 'scheduler-2'))).toMatchObject({ verdict: 'pass' });
  expect(await judge(fault('kill', 'scheduler-1'))).toMatchObject({ verdict: 'fail' });
  expect(await judge(fault('pause', 'scheduler-2'))).toMatchObject({ verdict: 'fail' });
});

test('it passes when all processes lived', async () => {
  expect(await judge({ samples: ALIVE, server_log: [CALM] })).toMatchObject({ verdict: 'pass', chances: 3 });
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
