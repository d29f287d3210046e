import type { Dialogue } from '../dialogue.ts';
import { BACKFILL_FIELDS, backfill, THREE_MINUTES, user } from '../requests.ts';
import type { Talk } from '../talk.ts';

const LATER = { from_date: '2026-01-06T00:00:00Z', to_date: '2026-01-06T00:01:00Z' };

async function idOf(talk: Talk): Promise<unknown> {
  const id = await talk.value('SELECT max(id) FROM backfill WHERE dag_id = $1', [talk.dagId]);
  talk.call(`Backfill id ${id}`, 'Backfill id <number>');
  return id;
}

function change(talk: Talk, id: unknown, what: 'pause' | 'unpause' | 'cancel') {
  return user(talk, `backfill-${what}`, 'PUT', `/backfills/${id}/${what}`, undefined, { show: BACKFILL_FIELDS });
}

export const backfillDialogues: readonly Dialogue[] = [
  {
    name: 'backfill/three runs',
    shape: 'past',
    async play(talk) {
      await talk.send('dry run', {
        ...backfill(talk, THREE_MINUTES),
        route: 'backfill-dry-run',
        path: '/api/v2/backfills/dry_run',
      });
      await talk.backfills('after the dry run');
      await talk.send('create', backfill(talk, THREE_MINUTES));
      await talk.backfills('after');
    },
  },
  {
    name: 'backfill/backwards, with a configuration',
    shape: 'past',
    async play(talk) {
      await talk.send('create', backfill(talk, THREE_MINUTES, { run_backwards: true, dag_run_conf: { a: 1 } }));
      await talk.backfills('after');
    },
  },
  {
    name: 'backfill/a second while the first is active',
    shape: 'past',
    async play(talk) {
      await talk.prepare(backfill(talk, THREE_MINUTES));
      await talk.send('second', backfill(talk, LATER));
      await talk.backfills('after');
    },
  },
  {
    name: 'backfill/cancel, and then another',
    shape: 'past',
    async play(talk) {
      await talk.prepare(backfill(talk, THREE_MINUTES));
      const id = await idOf(talk);
      await talk.send('cancel', change(talk, id, 'cancel'));
      await talk.backfills('after the cancel');
      await talk.send('cancel again', change(talk, id, 'cancel'));
      await talk.send('pause', change(talk, id, 'pause'));
      await talk.send('another', backfill(talk, LATER));
      await talk.backfills('after');
    },
  },
  {
    name: 'backfill/dates whose runs are there already',
    shape: 'past',
    async play(talk) {
      await talk.prepare(backfill(talk, THREE_MINUTES));
      await talk.prepare(change(talk, await idOf(talk), 'cancel'));
      await talk.send('none', backfill(talk, THREE_MINUTES));
      await talk.send('cancel', change(talk, await idOf(talk), 'cancel'));
      await talk.backfills('after none');
      await talk.send('failed', backfill(talk, THREE_MINUTES, { reprocess_behavior: 'failed' }));
      await talk.backfills('after failed');
    },
  },
  {
    name: 'backfill/pause and unpause',
    shape: 'past',
    async play(talk) {
      await talk.prepare(backfill(talk, THREE_MINUTES));
      const id = await idOf(talk);
      await talk.send('pause', change(talk, id, 'pause'));
      await talk.backfills('paused');
      await talk.send('unpause', change(talk, id, 'unpause'));
      await talk.backfills('unpaused');
      const show = BACKFILL_FIELDS;
      await talk.send('get', user(talk, 'backfill-get', 'GET', `/backfills/${id}`, undefined, { show }));
      await talk.send(
        'list',
        user(talk, 'backfill-list', 'GET', `/backfills?dag_id=${talk.dagId}`, undefined, { show }),
      );
    },
  },
  {
    name: 'backfill/no runs in range',
    shape: 'past',
    async play(talk) {
      // Between two minutes, of a DAG that runs every minute.
      const dates = { from_date: '2026-01-05T00:00:10Z', to_date: '2026-01-05T00:00:50Z' };
      await talk.send('dry run', { ...backfill(talk, dates), path: '/api/v2/backfills/dry_run' });
      await talk.send('create', backfill(talk, dates));
      await talk.backfills('after');
      await talk.send('with runs', backfill(talk, THREE_MINUTES));
    },
  },
  {
    name: "backfill/before the DAG's first date",
    shape: 'past',
    async play(talk) {
      const dates = { from_date: '2025-01-05T00:00:00Z', to_date: '2025-01-05T00:02:00Z' };
      await talk.send('create', backfill(talk, dates));
      await talk.backfills('after');
    },
  },
  {
    name: 'backfill/bad dates and bad bodies',
    shape: 'past',
    async play(talk) {
      await talk.send('to before from', backfill(talk, { from_date: LATER.to_date, to_date: THREE_MINUTES.from_date }));
      await talk.send(
        'in the future',
        backfill(talk, { from_date: '2050-01-05T00:00:00Z', to_date: '2050-01-05T00:02:00Z' }),
      );
      await talk.send('no date', backfill(talk, { ...THREE_MINUTES, from_date: 'yesterday' }));
      await talk.send('missing date', backfill(talk, { ...THREE_MINUTES, to_date: undefined }));
      await talk.send('no such behaviour', backfill(talk, THREE_MINUTES, { reprocess_behavior: 'often' }));
      await talk.send('words for a number', backfill(talk, THREE_MINUTES, { max_active_runs: 'many' }));
      await talk.send('unknown key', backfill(talk, THREE_MINUTES, { extra: 1 }));
      await talk.send('unknown DAG', backfill(talk, THREE_MINUTES, { dag_id: 'wt_nowhere' }));
      await talk.send('malformed', { ...backfill(talk, THREE_MINUTES), raw: '{' });
      await talk.backfills('after');
    },
  },
  {
    name: 'backfill/naive dates',
    shape: 'past',
    async play(talk) {
      await talk.send('create', backfill(talk, { from_date: '2026-01-05T00:00:00', to_date: '2026-01-05T00:02:00' }));
      await talk.backfills('after');
    },
  },
  {
    name: 'backfill/an id that is not there',
    shape: 'past',
    async play(talk) {
      for (const what of ['pause', 'unpause', 'cancel'] as const) await talk.send(what, change(talk, 999_999, what));
      await talk.send('get', user(talk, 'backfill-get', 'GET', '/backfills/999999'));
      await talk.send('words', change(talk, 'nowhere', 'cancel'));
    },
  },
  {
    name: 'backfill/two at once',
    shape: 'past',
    async play(talk) {
      // Airflow looks and then inserts, without a lock: both may pass.
      await talk.race('two creations', ['200 + 409', '200 + 200'], 4, async (round) => {
        const day = `2026-01-${10 + round}`;
        const dates = [0, 5].map((minute) => ({
          from_date: `${day}T00:0${minute}:00Z`,
          to_date: `${day}T00:0${minute + 1}:00Z`,
        }));
        const said = await talk.atOnce(dates.map((pair) => backfill(talk, pair)));
        const open = 'SELECT array_agg(id) FROM backfill WHERE dag_id = $1 AND completed_at IS NULL';
        for (const id of ((await talk.value(open, [talk.dagId])) ?? []) as number[])
          await talk.prepare(change(talk, id, 'cancel'));
        return said;
      });
    },
  },
];

export const dagDialogues: readonly Dialogue[] = [
  {
    name: 'dag/pause and unpause',
    shape: 'past',
    async play(talk) {
      const pause = (is_paused: unknown, dagId = talk.dagId) =>
        user(
          talk,
          'pause',
          'PATCH',
          `/dags/${dagId}?update_mask=is_paused`,
          { is_paused },
          { show: ['dag_id', 'is_paused'] },
        );
      const paused = () => talk.value('SELECT is_paused FROM dag WHERE dag_id = $1', [talk.dagId]);
      await talk.send('pause', pause(true));
      talk.note('paused', 'rows', await paused());
      await talk.send('again', pause(true));
      await talk.send('unpause', pause(false));
      talk.note('unpaused', 'rows', await paused());
      await talk.send('wrong type', pause('perhaps'));
      await talk.send('unknown', pause(true, 'wt_nowhere'));
    },
  },
  {
    name: 'health/of the public API',
    shape: 'past',
    async play(talk) {
      const show = ['metadatabase', 'scheduler', 'dag_processor'];
      const { body } = await talk.prepare(user(talk, 'health', 'GET', '/monitor/health', undefined, { token: null }));
      // Whether the scheduler that was ended counts as healthy depends on how long ago that was.
      talk.note(
        'parts',
        'health',
        Object.keys(body as object)
          .filter((key) => show.includes(key))
          .sort(),
      );
      await talk.send(
        'version without token',
        user(talk, 'version', 'GET', '/version', undefined, { token: null, show: [] }),
      );
      await talk.send('unknown path', user(talk, 'unknown', 'GET', '/nowhere'));
    },
  },
];
