import { setTimeout as sleep } from 'node:timers/promises';

import { queuedFor, unconsumed } from '../scheduler/asset-runs.ts';
import type { Defect } from './defect.ts';

/** As long as Airflow's ORM takes from one row to the next on a busy server. */
const NEXT_ROW_MS = 10;
/** As long as a scheduler takes to make a run of a large DAG. */
const RUN_MS = 400;

/** Of three bursts of events, one every 20 s, one falls in such a stretch and one between two. */
const STRETCH_MS = 15_000;

/** What begins a DAG that waits for assets. */
export const ASSET_DEFECTS: readonly Defect[] = [
  {
    name: 'asset-queue-in-set-order',
    summary: 'what an asset event begins is queued row by row, in no order: two events at once deadlock',
    story:
      'The DAGs that wait for an asset are kept in a set, and each process goes through it in an order of its own. ' +
      'Two tasks that end at once hold a row each that the other wants, PostgreSQL cancels one, and a task that ' +
      'succeeded is recorded as failed. Airflow up to 3.3 (#70128).',
    caughtBy: ['no-deadlocks'],
    scenario: 'assets',
    durationS: 60,
    change: () => ({
      async queueDags(tx, assetId, dagIds) {
        const shuffled = dagIds.map((dagId) => ({ dagId, at: Math.random() })).toSorted((a, b) => a.at - b.at);
        for (const { dagId } of shuffled) {
          await tx.query(
            `INSERT INTO asset_dag_run_queue (asset_id, target_dag_id, created_at) VALUES ($1, $2, clock_timestamp())
             ON CONFLICT (asset_id, target_dag_id) DO UPDATE SET created_at = excluded.created_at`,
            [assetId, dagId],
          );
          await sleep(NEXT_ROW_MS);
        }
      },
    }),
  },

  {
    name: 'asset-events-stranded',
    summary: 'an event that finds its DAG queued already is not queued again, and is too late for the run that comes',
    story:
      'A row in the queue has the time of the first event; the run that comes of it consumes what was made up to ' +
      'then. Events between that and the look of a scheduler have no row of their own: they begin nothing until the ' +
      'next event comes, and nothing at all if none comes. Airflow up to 3.3 (#70970).',
    caughtBy: ['asset-events-begin-runs'],
    scenario: 'assets',
    durationS: 60,
    change: () => ({
      async queueDags(tx, assetId, dagIds) {
        await tx.query(
          `INSERT INTO asset_dag_run_queue (asset_id, target_dag_id, created_at)
           SELECT $1, dag_id, clock_timestamp() FROM unnest($2::text[]) AS dag_id ORDER BY dag_id
           ON CONFLICT DO NOTHING`,
          [assetId, dagIds],
        );
      },
      async takeAssetEvents(tx, dagId) {
        const queued = await queuedFor(tx, dagId, 'FOR UPDATE SKIP LOCKED');
        return { ...queued, eventIds: await unconsumed(tx, dagId, queued.queuedAt ?? new Date(0)) };
      },
    }),
  },

  {
    name: 'asset-queue-unlocked',
    summary: 'schedulers read what is queued for a DAG without a lock: two of them begin a run of the same events',
    story:
      'Two schedulers look at the queue in the same moment, both find an event, both make a run of it, and both ' +
      'delete the row. A report that is to be sent once for each delivery is sent twice. Airflow up to 3.1.',
    caughtBy: ['asset-events-are-consumed-once'],
    scenario: 'assets',
    durationS: 60,
    change: () => ({
      async takeAssetEvents(tx, dagId) {
        const queued = await queuedFor(tx, dagId, '');
        const eventIds = queued.assetIds.length === 0 ? [] : await unconsumed(tx, dagId, null);
        if (eventIds.length > 0) await sleep(RUN_MS);
        return { ...queued, eventIds };
      },
    }),
  },

  {
    name: 'asset-event-not-queued',
    summary: 'for seconds at a time asset events do not begin a run of one of the DAGs that wait for them',
    story:
      'A list of DAGs that is kept too long: the dashboards of one team are a delivery behind, and catch up ' +
      'with the next one. Found by who compares two of them.',
    caughtBy: ['asset-events-begin-runs'],
    scenario: 'assets',
    durationS: 60,
    change: (below) => ({
      async queueDags(tx, assetId, dagIds) {
        const isStretch = Math.floor(Date.now() / STRETCH_MS) % 2 === 0;
        const left = dagIds.filter((_, i) => !(isStretch && i === 1));
        await below.queueDags(tx, assetId, left);
      },
    }),
  },
];
