import { setTimeout as sleep } from 'node:timers/promises';

import { expect, test } from 'vitest';
import { scenario as seeds } from '../../workloads/scenarios/seeds.ts';
import { StackError } from '../model/errors.ts';
import type { DagSpec, OperatorSpec, Scenario } from '../model/scenario.ts';
import { type ReceivedRequest, recordingServer } from '../testing/recording-server.ts';
import type { LiveLife } from './fleet.ts';
import { Operators } from './operators.ts';

const never = new AbortController().signal;

async function withOperators<T>(
  scenario: Partial<Scenario>,
  use: (operators: Operators, operations: () => Promise<Record<string, unknown>[]>) => Promise<T>,
  options: { readonly status?: number; readonly live?: readonly LiveLife[]; readonly answersFrom?: number } = {},
): Promise<{ result: T; received: readonly ReceivedRequest[] }> {
  const server = await recordingServer(() => options.status ?? 200, options.answersFrom);
  const plan = { seed: 1, scenario: { ...seeds, operators: [], ...scenario } };
  const { clock, operationLog, record } = server;
  const operators = new Operators(
    { plan, clock, record },
    {
      publicUrl: server.url,
      publicToken: Promise.resolve('token'),
      dagNamespace: '',
      operationLog,
      live: () => options.live ?? [],
    },
  );
  try {
    return { result: await use(operators, server.operations), received: server.received };
  } finally {
    await operators.close();
    await server.close();
  }
}

/** Runs one operator until it has done something. */
async function until(spec: OperatorSpec, live: readonly LiveLife[] = []) {
  return withOperators(
    { operators: [spec] },
    async (operators, operations) => {
      await operators.run(AbortSignal.timeout(200));
      return operations();
    },
    { live },
  );
}

function dagOf(dag_id: string): DagSpec {
  return { dag_id, schedule: null, past_runs: 0, max_active_runs: 1, tasks: [] };
}

function living(map_index: number): LiveLife {
  const ti = { id: 'ti-1', dag_id: 'wt_a', run_id: 'manual__1+00:00', task_id: 't', map_index, try_number: 1 };
  return { startedMs: 1, workload: { token: 'x', ti } };
}

test('the pool is set before the load, and only where the scenario says how', async () => {
  const { received } = await withOperators({ pool_slots: 24 }, (operators) => operators.prepare(never));
  expect(received).toMatchObject([
    { method: 'PATCH', path: '/api/v2/pools/default_pool?update_mask=slots', body: { slots: 24 } },
  ]);
  expect((await withOperators({}, (operators) => operators.prepare(never))).received).toEqual([]);
});

test('pools of the scenario are made before the load, with their slots', async () => {
  const { received } = await withOperators({ pools: { narrow: 4 } }, (operators) => operators.prepare(never));
  expect(received).toMatchObject([{ method: 'POST', path: '/api/v2/pools', body: { name: 'narrow', slots: 4 } }]);
});

test('a stack that refuses the pool says nothing about the build', async () => {
  const refused = withOperators({ pool_slots: 24 }, (operators) => operators.prepare(never), { status: 403 });
  await expect(refused).rejects.toThrow(StackError);
  await expect(refused).rejects.toThrow('default_pool could not be given 24 slots (403).');
});

test('the operator that marks names a task that runs, and a mapped one by its index', async () => {
  const spec = { operator: 'mark', dags: ['wt_a'], every_ms: 1_000, start_after_ms: 0 } as const;
  const route = '/api/v2/dags/wt_a/dagRuns/manual__1%2B00%3A00/taskInstances/t';
  const { received, result } = await until(spec, [living(-1)]);
  expect(received).toMatchObject([{ method: 'PATCH', path: route, body: { new_state: 'failed' } }]);
  expect(result).toMatchObject([{ kind: 'mark', ti_id: 'ti-1', requested: 'failed', map_index: -1 }]);
  expect((await until(spec, [living(3)])).received[0]?.path).toBe(`${route}/3`);
});

test('arrivals are open: all fall due, although the server answers none before it has received the last', async () => {
  const arrivals = { executor: 'constant-arrival-rate', rate: 50, duration: '200ms' } as const;
  const spec = { operator: 'trigger', dags: ['wt_a'], arrivals } as const;
  const run = (operators: Operators) => operators.run(AbortSignal.timeout(20_000));
  const { received } = await withOperators({ operators: [spec] }, run, { answersFrom: 10 });
  expect(received.map(({ path }) => path)).toEqual(Array(10).fill('/api/v2/dags/wt_a/dagRuns'));
});

test('what fell due while the harness was stopped is left out', async () => {
  const { result } = await withOperators(
    { operators: [{ operator: 'trigger', dags: ['wt_a'], every_ms: 20, start_after_ms: 0 }] },
    async (operators, operations) => {
      const running = operators.run(AbortSignal.timeout(2_600));
      await sleep(100);
      // As SIGSTOP does it, for the event loop: more than a hundred actions fall due.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_300);
      await running;
      return operations();
    },
  );
  // Before the pause 5, and of the last second before its end, and after it, 70.
  expect(result.length).toBeLessThan(100);
  expect(Math.max(...result.map(({ intended_ms, sent_ms }) => Number(sent_ms) - Number(intended_ms)))).toBeLessThan(
    1_500,
  );
});

test('nothing is marked while nothing runs', async () => {
  const spec = { operator: 'mark', dags: ['wt_b'], every_ms: 1_000, start_after_ms: 0 } as const;
  const { received } = await withOperators(
    { operators: [spec] },
    (operators) => operators.run(AbortSignal.timeout(100)),
    {
      live: [living(-1)],
    },
  );
  expect(received).toEqual([]);
});

test('an empty backfill asks for a range that holds no minute', async () => {
  const spec = {
    operator: 'backfill',
    dags: ['wt_a'],
    runs: 5,
    max_active_runs: 1,
    second_after_ms: null,
    start_after_ms: 0,
    pause_ms: 5_000,
    empty: true,
  } as const;
  const { received, result } = await until(spec);
  expect(received).toMatchObject([
    { body: { from_date: '2026-01-01T00:00:15.000Z', to_date: '2026-01-01T00:00:30.000Z', max_active_runs: 1 } },
  ]);
  expect(result).toMatchObject([{ kind: 'backfill', requested: '0 runs' }]);
});

test('while a window is open, running DAG runs are set back and deleted until it is healed', async () => {
  const { result, received } = await withOperators(
    { dags: [dagOf('wt_a')] },
    async (operators, operations) => {
      const heal = await operators.openWindow({ action: 'delete', every_ms: 20, seed: 1 });
      await new Promise((resolve) => setTimeout(resolve, 100));
      const effect = await heal();
      const sent = (await operations()).length;
      expect(await heal()).toBe(effect);
      return { effect, sent, after: (await operations()).length };
    },
    { live: [living(-1)] },
  );
  const run = '/api/v2/dags/wt_a/dagRuns/manual__1%2B00%3A00';
  // The next one does not wait for the one before: where answers are slow, two are set back before the first is
  // deleted.
  const first = (method: string) => received.findIndex((one) => one.method === method);
  expect(received[first('PATCH')]).toMatchObject({ path: run, body: { state: 'queued' } });
  expect(received[first('DELETE')]).toMatchObject({ path: run, body: null });
  expect(first('DELETE')).toBeGreaterThan(first('PATCH'));
  expect(result.effect).toMatch(/^[1-9]\d* were accepted, 0 were not$/);
  expect(result.after).toBe(result.sent);
});

test('tasks at work in one run are changed in one request, each to a state that people may set', async () => {
  const { received } = await withOperators(
    { dags: [dagOf('wt_a')] },
    async (operators) => {
      const heal = await operators.openWindow({ action: 'bulk', every_ms: 1_000, seed: 1 });
      await new Promise((resolve) => setTimeout(resolve, 100));
      await heal();
    },
    { live: [living(-1), { ...living(-1), startedMs: null }] },
  );
  expect(received).toMatchObject([
    {
      method: 'PATCH',
      path: '/api/v2/dags/wt_a/dagRuns/manual__1%2B00%3A00/taskInstances',
      body: { actions: [{ action: 'update', action_on_non_existence: 'skip', entities: [{ task_id: 't' }] }] },
    },
  ]);
});

test('paused DAGs are unpaused when the window is healed, and only those of the scenario are touched', async () => {
  const { received } = await withOperators({}, async (operators) => {
    const heal = await operators.openWindow({ action: 'pause', every_ms: 1_000, seed: 1 });
    await heal();
  });
  const dags = seeds.dags.map(({ dag_id }) => `/api/v2/dags/${dag_id}?update_mask=is_paused`);
  const asked = (is_paused: boolean) =>
    received
      .filter(({ body }) => (body as { readonly is_paused: boolean }).is_paused === is_paused)
      .map(({ path }) => path);
  expect(asked(true).sort()).toEqual([...dags].sort());
  expect(asked(false).sort()).toEqual([...dags].sort());
});
