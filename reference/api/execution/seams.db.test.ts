import { afterAll, beforeAll, expect, it } from 'vitest';

import type { Behaviour } from '../../behaviour.ts';
import { testDatabase } from '../../database/test-database.ts';
import { normal } from '../../normal.ts';
import { TestApi } from '../test-api.ts';

let database: Awaited<ReturnType<typeof testDatabase>>;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());

async function withApi(changes: Partial<Behaviour>, action: (api: TestApi) => Promise<void>): Promise<void> {
  const api = await TestApi.start(database.dsn, changes);
  try {
    await action(api);
  } finally {
    await api.close();
  }
}

/** Breaks the transaction, as a deadlock does: PostgreSQL refuses whatever follows. */
const breakWith =
  (code: string): Behaviour['afterEnd'] =>
  async (tx) => {
    await tx.query(`DO $$ BEGIN RAISE EXCEPTION 'as wanted' USING ERRCODE = '${code}'; END $$`);
  };
const breaks = breakWith('40P01');

it('answers 500 to an end report that the database broke, and the task still runs', async () => {
  await withApi({ afterEnd: breakWith('23514') }, async (api) => {
    const run = await api.run('broken');
    const id = await api.started(run);
    expect(await api.end(id, 'success')).toMatchObject({ status: 500, body: { message: 'Internal server error' } });
    expect(await api.row(run)).toMatchObject({ state: 'running' });
    // What broke has left nothing locked.
    expect(await api.beat(id)).toMatchObject({ status: 204 });
  });
});

it('answers 503 to an end report that lost a deadlock: the same again may succeed', async () => {
  await withApi({ afterEnd: breaks }, async (api) => {
    const run = await api.run('deadlock');
    expect(await api.end(await api.started(run), 'success')).toMatchObject({ status: 503 });
    expect(await api.row(run)).toMatchObject({ state: 'running' });
  });
});

it('lets the behaviour answer for a broken end report, in a transaction of its own', async () => {
  const endFailed: Behaviour['endFailed'] = async ({ inFreshTransaction, id }) => {
    await inFreshTransaction((tx) => tx.query(`UPDATE task_instance SET state = 'failed' WHERE id = $1`, [id]));
    return { status: 204 };
  };
  await withApi({ afterEnd: breaks, endFailed }, async (api) => {
    const run = await api.run('fresh');
    expect(await api.end(await api.started(run), 'success')).toMatchObject({ status: 204 });
    expect(await api.row(run)).toMatchObject({ state: 'failed' });
  });
});

it('commits before it answers, by asking the behaviour', async () => {
  const concluded: string[] = [];
  const conclude: Behaviour['conclude'] = async (tx, request) => {
    concluded.push(`${request.kind} ${request.reply.status}`);
    await (request.kind === 'state' ? tx.query('ROLLBACK') : normal.conclude(tx, request));
  };
  await withApi({ conclude }, async (api) => {
    const run = await api.run('concluded');
    expect(await api.end(await api.started(run), 'success')).toMatchObject({ status: 204 });
    expect(await api.row(run)).toMatchObject({ state: 'running' });
  });
  expect(concluded).toEqual(['run 200', 'state 204']);
});

it('answers a broken unique key with 409 and nothing of the statement', async () => {
  const writeRenderedFields: Behaviour['writeRenderedFields'] = async (tx, key) => {
    const values = [key.dag_id, key.task_id, key.run_id, key.map_index];
    const insert = `INSERT INTO rendered_task_instance_fields (dag_id, task_id, run_id, map_index, rendered_fields)
      VALUES ($1, $2, $3, $4, '{}')`;
    await tx.query(insert, values);
    await tx.query(insert, values);
  };
  await withApi({ writeRenderedFields }, async (api) => {
    const id = await api.started(await api.run('unique'));
    const got = await api.worker('PUT', `/task-instances/${id}/rtif`, { body: { a: 1 } });
    const detail = { reason: 'Unique constraint violation', statement: 'hidden', orig_error: 'hidden' };
    expect(got).toMatchObject({ status: 409, body: { detail } });
  });
});

it('names the request in the answer of last resort', async () => {
  const writeRenderedFields: Behaviour['writeRenderedFields'] = () => Promise.reject(new Error('a slip'));
  await withApi({ writeRenderedFields }, async (api) => {
    const id = await api.started(await api.run('slip'));
    const headers = { 'correlation-id': 'abc' };
    const got = await api.worker('PUT', `/task-instances/${id}/rtif`, { body: { a: 1 }, headers });
    expect(got).toMatchObject({ status: 500, body: { message: 'Internal server error', 'correlation-id': 'abc' } });
  });
});

it('shows the behaviour every request of a worker that was let in', async () => {
  const seen: string[] = [];
  await withApi({ onRequest: ({ path }) => seen.push(path.split('/').at(-1) ?? '') }, async (api) => {
    const id = await api.started(await api.run('seen'));
    await api.beat(id);
    await api.worker('PUT', `/task-instances/${id}/heartbeat`, { token: null, body: {} });
  });
  expect(seen).toEqual(['run', 'heartbeat']);
});
