import type { Dialogue } from '../dialogue.ts';
import { clear, FAILED, heartbeat, markRun, SUCCESS, start, state, trigger, user } from '../requests.ts';

const NOW = { dry_run: false, only_failed: false };

export const triggerDialogues: readonly Dialogue[] = [
  {
    name: 'trigger/a run',
    shape: 'past',
    async play(talk) {
      await talk.send(
        'trigger',
        trigger(talk, { dag_run_id: 'talk_one', logical_date: null, conf: { a: 1 }, note: 'n' }),
      );
      await talk.backfills('after');
    },
  },
  {
    name: 'trigger/with a logical date, and the same date again',
    shape: 'past',
    async play(talk) {
      const logical_date = '2026-01-05T00:00:00Z';
      await talk.send('first', trigger(talk, { dag_run_id: 'talk_one', logical_date }));
      await talk.send('same date', trigger(talk, { dag_run_id: 'talk_two', logical_date }));
      await talk.backfills('after');
    },
  },
  {
    name: 'trigger/a run id that is taken',
    shape: 'past',
    async play(talk) {
      await talk.send('first', trigger(talk, { dag_run_id: 'talk_one', logical_date: null }));
      await talk.send('again', trigger(talk, { dag_run_id: 'talk_one', logical_date: null }));
      await talk.backfills('after');
    },
  },
  {
    name: 'trigger/a run id twice at once',
    shape: 'past',
    async play(talk) {
      const legal = ['200 + 409 Unique constraint violation'];
      await talk.race('two triggers', legal, 6, (round) => {
        const body = { dag_run_id: `talk_${round}`, logical_date: null };
        return talk.atOnce([trigger(talk, body), trigger(talk, body)]);
      });
    },
  },
  {
    name: 'trigger/what is not there, and bad bodies',
    shape: 'past',
    async play(talk) {
      await talk.send('unknown DAG', trigger(talk, { logical_date: null }, 'wt_nowhere'));
      await talk.send('empty', trigger(talk, {}));
      await talk.send('naive date', trigger(talk, { logical_date: '2026-01-05T00:00:00' }));
      await talk.send('no date', trigger(talk, { logical_date: 'yesterday' }));
      await talk.send('unknown key', trigger(talk, { logical_date: null, extra: 1 }));
      await talk.send('conf no object', trigger(talk, { logical_date: null, conf: 'a' }));
      await talk.send('malformed', { ...trigger(talk, null), raw: '{' });
      await talk.send('no token', trigger(talk, { logical_date: null }, talk.dagId, { token: null }));
      await talk.send('bad token', trigger(talk, { logical_date: null }, talk.dagId, { token: 'nonsense' }));
      await talk.backfills('after');
    },
  },
];

export const clearDialogues: readonly Dialogue[] = [
  {
    name: 'clear/a dry run changes nothing',
    shape: 'pair',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.prepare(start(ti));
      await talk.prepare(state(ti, FAILED));
      await talk.send('default', clear(talk, { dag_run_id: talk.runId, task_ids: ['task'] }));
      await talk.send('all', clear(talk, { dry_run: true, only_failed: false, dag_run_id: talk.runId }));
      await talk.rows('after');
    },
  },
  {
    name: 'clear/a running task',
    shape: 'pair',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.prepare(start(ti));
      await talk.send('clear', clear(talk, { ...NOW, dag_run_id: talk.runId, task_ids: ['task'] }));
      await talk.send('heartbeat of the old id', heartbeat(ti));
      await talk.send('success of the old id', state(ti, SUCCESS));
      const now = await talk.again('task');
      await talk.rows('after', ['task']);
      await talk.send('heartbeat of the new id', heartbeat(now));
      await talk.send('start of the new id', start(now, undefined, { token: now.token }));
      await talk.rows('at the end', ['task']);
    },
  },
  {
    name: 'clear/a running task, and its next try',
    shape: 'single',
    scheduled: true,
    async play(talk) {
      const ti = talk.ti('task');
      await talk.prepare(start(ti));
      await talk.send('clear', clear(talk, { ...NOW, dag_run_id: talk.runId, task_ids: ['task'] }));
      const next = await talk.nextTry('task', 2);
      await talk.rows('handed over again');
      await talk.send('start', start(next));
      await talk.send('success', state(next, SUCCESS));
    },
  },
  {
    name: 'clear/a running task that must not be cleared',
    shape: 'pair',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.prepare(start(ti));
      const body = { ...NOW, dag_run_id: talk.runId, task_ids: ['task'], prevent_running_task: true };
      await talk.send('clear', clear(talk, body));
      await talk.rows('after', ['task']);
    },
  },
  {
    name: 'clear/a queued task',
    shape: 'pair',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.send('clear', clear(talk, { ...NOW, dag_run_id: talk.runId, task_ids: ['task'] }));
      await talk.send('start of the old id', start(ti, undefined, { token: ti.token }));
      await talk.again('task');
      await talk.rows('after', ['task']);
    },
  },
  {
    name: 'clear/a task that has ended',
    shape: 'pair',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.prepare(start(ti));
      await talk.prepare(state(ti, SUCCESS));
      await talk.send('clear', clear(talk, { ...NOW, dag_run_id: talk.runId, task_ids: ['task'] }));
      await talk.send('success of the old id', state(ti, SUCCESS));
      await talk.again('task');
      await talk.rows('after', ['task']);
    },
  },
  {
    name: 'clear/what is failed, running or downstream',
    shape: 'pair',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.prepare(start(ti));
      await talk.prepare(state(ti, FAILED));
      await talk.send('only running', clear(talk, { ...NOW, only_running: true, dag_run_id: talk.runId }));
      const downstream = { include_downstream: true, task_ids: ['task'], dag_run_id: talk.runId };
      await talk.send('downstream, dry', clear(talk, { ...NOW, ...downstream, dry_run: true }));
      await talk.send('only failed', clear(talk, { dry_run: false, only_failed: true, dag_run_id: talk.runId }));
      await talk.again('task');
      await talk.rows('after');
    },
  },
  {
    name: 'clear/a run that has ended becomes queued again',
    shape: 'pair',
    async play(talk) {
      await talk.prepare(markRun(talk, { state: 'success' }));
      await talk.rows('marked');
      await talk.send('clear', clear(talk, { ...NOW, dag_run_id: talk.runId, task_ids: ['other'] }));
      await talk.again('other');
      await talk.rows('after');
      await talk.send('without resetting', {
        ...clear(talk, { ...NOW, dag_run_id: talk.runId, task_ids: ['other'], reset_dag_runs: false }),
      });
      await talk.again('other');
      await talk.rows('at the end', ['other']);
    },
  },
  {
    name: 'clear/what is not there, and bad bodies',
    shape: 'pair',
    async play(talk) {
      await talk.send('unknown DAG', clear(talk, { ...NOW, dag_run_id: talk.runId }, 'wt_nowhere'));
      await talk.send('unknown run', clear(talk, { ...NOW, dag_run_id: 'nowhere' }));
      await talk.send('unknown task', clear(talk, { ...NOW, dag_run_id: talk.runId, task_ids: ['nowhere'] }));
      await talk.send('unknown key', clear(talk, { ...NOW, dag_run_id: talk.runId, extra: 1 }));
      await talk.send('wrong type', clear(talk, { dry_run: 'perhaps', dag_run_id: talk.runId }));
      await talk.send('number for a task', clear(talk, { ...NOW, dag_run_id: talk.runId, task_ids: [1] }));
      await talk.rows('after');
    },
  },
  {
    name: 'clear/twice at once',
    shape: 'many',
    async play(talk) {
      await talk.race('two clears', ['200 + 200, 1 archived'], 6, async (round) => {
        const ti = talk.ti(`t${round}`);
        await talk.prepare(start(ti));
        const body = { ...NOW, dag_run_id: talk.runId, task_ids: [ti.taskId] };
        const said = await talk.atOnce([clear(talk, body), clear(talk, body)]);
        const sql = 'SELECT count(*) FROM task_instance_history WHERE dag_id = $1 AND run_id = $2 AND task_id = $3';
        return `${said}, ${await talk.value(sql, [ti.dagId, ti.runId, ti.taskId])} archived`;
      });
    },
  },
  {
    name: 'clear/a whole run',
    shape: 'pair',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.prepare(start(ti));
      await talk.prepare(state(ti, SUCCESS));
      const path = `/dags/${talk.dagId}/dagRuns/${talk.runId}/clear`;
      await talk.send(
        'dry',
        user(talk, 'clear-run', 'POST', path, { only_failed: false }, { show: ['total_entries'] }),
      );
      const body = { dry_run: false, only_failed: false };
      await talk.send('clear', user(talk, 'clear-run', 'POST', path, body, { show: ['dag_run_id', 'state'] }));
      await talk.again('task');
      await talk.again('other');
      await talk.rows('after');
    },
  },
];
