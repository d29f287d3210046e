import { expect, it } from 'vitest';

import type { Behaviour } from '../../behaviour.ts';
import { dagOf, parseDag } from '../../scheduler/test-scheduler.ts';
import { onApi, TestApi } from '../test-api.ts';

let dsn: string;
let api: TestApi;
onApi((...started) => {
  [api, dsn] = started;
});

const DATES = { from_date: '2026-01-05T00:00:00Z', to_date: '2026-01-05T00:02:00Z' };

async function newDag(dag_id: string): Promise<string> {
  await parseDag(api.pool, dagOf(dag_id, [{ task_id: 'a', upstream: [] }]));
  return dag_id;
}

async function count(table: 'backfill' | 'dag_run', dagId: string): Promise<number> {
  const { rows } = await api.pool.query<{ count: number }>(`SELECT count(*) FROM ${table} WHERE dag_id = $1`, [dagId]);
  return rows[0]?.count ?? 0;
}

async function runsOf(dagId: string): Promise<unknown[]> {
  const { rows } = await api.pool.query(
    `SELECT sort_ordinal, backfill_dag_run.logical_date, exception_reason, run_id, state FROM backfill_dag_run
     JOIN backfill ON backfill.id = backfill_id LEFT JOIN dag_run ON dag_run.id = dag_run_id
     WHERE backfill.dag_id = $1 ORDER BY backfill.id, sort_ordinal`,
    [dagId],
  );
  return rows;
}

it('creates a run for each date, both ends included, in the order asked for', async () => {
  const dag_id = await newDag('ordered');
  const got = await api.user('POST', '/api/v2/backfills', { dag_id, ...DATES, run_backwards: true });
  expect(got).toMatchObject({
    status: 200,
    body: { dag_id, is_paused: false, completed_at: null, max_active_runs: 10 },
  });
  expect(await runsOf(dag_id)).toMatchObject(
    ['00:02:00', '00:01:00', '00:00:00'].map((time, i) => ({
      sort_ordinal: i + 1,
      logical_date: new Date(`2026-01-05T${time}Z`),
      run_id: `backfill__2026-01-05T${time}+00:00`,
      state: 'queued',
    })),
  );
});

it('makes the backfill visible before its runs, and all runs at once', async () => {
  const seen: number[][] = [];
  const look: Behaviour['beforeBackfillRun'] = async (_tx, { ordinal }) => {
    if (ordinal === 3) seen.push([await count('backfill', 'early'), await count('dag_run', 'early')]);
  };
  const watched = await TestApi.start(dsn, { beforeBackfillRun: look });
  try {
    const dag_id = await newDag('early');
    expect(await watched.user('POST', '/api/v2/backfills', { dag_id, ...DATES })).toMatchObject({ status: 200 });
  } finally {
    await watched.close();
  }
  expect(seen).toEqual([[1, 0]]);
  expect(await count('dag_run', 'early')).toBe(3);
});

it('admits one of two backfills that are requested at the same moment', async () => {
  for (let round = 1; round <= 5; round++) {
    const dag_id = await newDag(`at_once_${round}`);
    const ask = () => api.user('POST', '/api/v2/backfills', { dag_id, ...DATES });
    const statuses = (await Promise.all([ask(), ask()])).map(({ status }) => status);
    expect(statuses.sort()).toEqual([200, 409]);
  }
});

it('refuses a second backfill while the first is active, and admits it after a cancel', async () => {
  const dag_id = await newDag('second');
  const first = await api.user('POST', '/api/v2/backfills', { dag_id, ...DATES });
  const again = () => api.user('POST', '/api/v2/backfills', { dag_id, ...DATES });
  expect(await again()).toMatchObject({
    status: 409,
    body: { detail: 'There is already a running backfill for dag second' },
  });
  const cancelled = await api.user('PUT', `/api/v2/backfills/${first.body.id}/cancel`);
  expect(cancelled).toMatchObject({ status: 200, body: { is_paused: true } });
  expect(cancelled.body.completed_at).not.toBeNull();
  expect(await api.user('PUT', `/api/v2/backfills/${first.body.id}/pause`)).toMatchObject({ status: 409 });
  expect(await again()).toMatchObject({ status: 200 });
  const states = (await runsOf(dag_id)).map((run) => (run as { state: unknown }).state);
  expect(states).toEqual(['failed', 'failed', 'failed', null, null, null]);
});

it('runs finished runs again, if that is asked for', async () => {
  const dag_id = await newDag('again');
  const first = await api.user('POST', '/api/v2/backfills', { dag_id, ...DATES });
  await api.user('PUT', `/api/v2/backfills/${first.body.id}/cancel`);
  await api.user('POST', '/api/v2/backfills', { dag_id, ...DATES, reprocess_behavior: 'failed' });
  expect((await runsOf(dag_id)).slice(3)).toMatchObject(Array(3).fill({ state: 'queued', exception_reason: null }));
});

it('leaves nothing behind when its runs cannot be created', async () => {
  const beforeBackfillRun: Behaviour['beforeBackfillRun'] = async (tx, { ordinal }) => {
    if (ordinal === 2) await tx.query('SELECT 1 / 0');
  };
  const broken = await TestApi.start(dsn, { beforeBackfillRun });
  try {
    const dag_id = await newDag('broken');
    const got = await broken.user('POST', '/api/v2/backfills', { dag_id, ...DATES });
    expect(got.status).toBeGreaterThanOrEqual(422);
    expect([await count('backfill', dag_id), await count('dag_run', dag_id)]).toEqual([0, 0]);
  } finally {
    await broken.close();
  }
});

it('answers what it would create, and creates nothing, in a dry run', async () => {
  const dag_id = await newDag('dry');
  const got = await api.user('POST', '/api/v2/backfills/dry_run', { dag_id, ...DATES });
  expect(got).toMatchObject({ status: 200, body: { total_entries: 3 } });
  expect(await count('backfill', dag_id)).toBe(0);
});

it('says what is wrong with dates, DAGs and ids', async () => {
  const dag_id = await newDag('wrong');
  const create = (body: object) => api.user('POST', '/api/v2/backfills', { dag_id, ...DATES, ...body });
  expect(await create({ dag_id: 'nowhere' })).toMatchObject({ status: 404 });
  expect(await create({ from_date: DATES.to_date, to_date: DATES.from_date })).toMatchObject({
    status: 422,
    body: { detail: expect.stringContaining('must not be after to_date') },
  });
  const between = { from_date: '2026-01-05T00:00:10Z', to_date: '2026-01-05T00:00:50Z' };
  expect(await create(between)).toMatchObject({ status: 422, body: { detail: expect.stringMatching(/^No runs/) } });
  expect(await create({ extra: 1 })).toMatchObject({ status: 422, body: { detail: [{ type: 'extra_forbidden' }] } });
  expect(await api.user('GET', '/api/v2/backfills/4711')).toMatchObject({ status: 404 });
});
