import type { Dialogue } from '../dialogue.ts';
import { execution, SUCCESS, start, state, UNKNOWN_ID, UP_FOR_RESCHEDULE } from '../requests.ts';
import type { Talk, Ti } from '../talk.ts';

/** A GET about the task instances of the dialogue's run. */
function query(ti: Ti, route: string, path: string) {
  return execution(route, 'GET', path, ti);
}

async function inThreeStates(talk: Talk): Promise<Ti> {
  const ti = talk.ti('branch');
  await talk.prepare(start(ti));
  await talk.prepare(start(talk.ti('ended')));
  await talk.prepare(state(talk.ti('ended'), SUCCESS));
  return ti;
}

export const queryDialogues: readonly Dialogue[] = [
  {
    name: 'queries/count',
    shape: 'branch',
    async play(talk) {
      const ti = await inThreeStates(talk);
      const of = `dag_id=${ti.dagId}&run_ids=${ti.runId}`;
      const count = (more: string) => query(ti, 'count', `/task-instances/count?${of}${more}`);
      await talk.send('all', count(''));
      await talk.send('queued', count('&states=queued'));
      await talk.send('queued or running', count('&states=queued&states=running'));
      await talk.send('without a state', count('&states=null'));
      await talk.send('by name', count('&task_ids=ended&task_ids=branch'));
      await talk.send('unmapped', count('&map_index=-1'));
      await talk.send('no such state', count('&states=nonsense'));
      await talk.send('no DAG', query(ti, 'count', '/task-instances/count'));
      await talk.send('unknown DAG', query(ti, 'count', '/task-instances/count?dag_id=wt_nowhere'));
    },
  },
  {
    name: 'queries/states',
    shape: 'branch',
    async play(talk) {
      const ti = await inThreeStates(talk);
      const of = `dag_id=${ti.dagId}&run_ids=${ti.runId}`;
      await talk.send('all', query(ti, 'states', `/task-instances/states?${of}`));
      await talk.send('by name', query(ti, 'states', `/task-instances/states?${of}&task_ids=ended`));
      await talk.send('unknown DAG', query(ti, 'states', '/task-instances/states?dag_id=wt_nowhere'));
    },
  },
  {
    name: 'queries/previous run',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      const path = (id: string) => `/task-instances/${id}/previous-successful-dagrun`;
      await talk.send('of a manual run', query(ti, 'previous-successful-dagrun', path(ti.id)));
      const token = await talk.token({ sub: UNKNOWN_ID });
      await talk.send('unknown', { ...query(ti, 'previous-successful-dagrun', path(UNKNOWN_ID)), token });
    },
  },
  {
    name: 'queries/inlets and outlets',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      const path = (id: string) => `/task-instances/${id}/validate-inlets-and-outlets`;
      await talk.send('of a task without any', query(ti, 'validate-inlets-and-outlets', path(ti.id)));
      const token = await talk.token({ sub: UNKNOWN_ID });
      await talk.send('unknown', { ...query(ti, 'validate-inlets-and-outlets', path(UNKNOWN_ID)), token });
    },
  },
  {
    name: 'queries/start of the first reschedule',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      const first = query(ti, 'reschedule', `/task-reschedules/${ti.id}/start_date`);
      await talk.send('none', first);
      await talk.prepare(start(ti));
      await talk.prepare(state(ti, UP_FOR_RESCHEDULE));
      await talk.send('one', first);
      await talk.send('unknown', query(ti, 'reschedule', `/task-reschedules/${UNKNOWN_ID}/start_date`));
    },
  },
  {
    name: 'queries/name for a map index',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      const path = `/task-instances/${ti.id}/rendered-map-index`;
      await talk.send('set', execution('rendered-map-index', 'PATCH', path, ti, 'a name'));
      await talk.rows('after');
      await talk.send('number', execution('rendered-map-index', 'PATCH', path, ti, 5));
      await talk.send('empty', execution('rendered-map-index', 'PATCH', path, ti, ''));
    },
  },
];
