import { expect, test } from 'vitest';
import { oneLife } from '../testing/one-life.ts';
import { recordingServer } from '../testing/recording-server.ts';

async function live(impostor: number) {
  const server = await recordingServer(({ body }) =>
    typeof body === 'object' && body !== null && 'hostname' in body && body.hostname === 'w-1-impostor' ? 409 : 200,
  );
  const end = await oneLife(server, { ms: 300, habits: { xcom: 0, impostor } });
  const operations = await server.operations();
  await server.close();
  return { end, operations, received: server.received };
}

test('an impostor says that it lives and that it starts, with another host and pid and the same token', async () => {
  const { end, operations, received } = await live(1);
  expect(end).toBe('reported');
  const strange = received.filter(({ body }) => JSON.stringify(body)?.includes('impostor'));
  expect(strange).toMatchObject([
    { method: 'PUT', path: '/task-instances/ti-1/heartbeat', body: { hostname: 'w-1-impostor', pid: 32_001 } },
    { method: 'PATCH', path: '/task-instances/ti-1/run', body: { hostname: 'w-1-impostor', pid: 32_001 } },
  ]);
  expect(new Set(received.map(({ token }) => token))).toEqual(new Set(['Bearer token-1']));
  // Under kinds of their own, and as the owner's life: what looks at heartbeats and starts does not see them.
  expect(operations.filter(({ kind }) => String(kind).startsWith('impostor'))).toMatchObject([
    { kind: 'impostor_heartbeat', life: 1, worker: 'w-1-impostor', ti_id: 'ti-1', outcome: 'refused', status: 409 },
    { kind: 'impostor_run', life: 1, worker: 'w-1-impostor', ti_id: 'ti-1', outcome: 'refused', requested: 'running' },
  ]);
  // It has gone before the owner says that it is done.
  expect(operations.at(-1)).toMatchObject({ kind: 'state', requested: 'success' });
});

test('without the habit there is no impostor, and the life is the same', async () => {
  const { operations } = await live(0);
  expect(operations.map(({ kind }) => kind)).not.toContain('impostor_run');
  expect(operations.at(-1)).toMatchObject({ kind: 'state', requested: 'success' });
});
