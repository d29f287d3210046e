import type { Dialogue } from '../dialogue.ts';
import { ENDED, execution, heartbeat, SOME_DAY, start, state } from '../requests.ts';

export const versionDialogues: readonly Dialogue[] = [
  ...['2025-04-11', '2025-08-10', '2025-11-05', '2026-04-06', '2026-06-30', '2050-01-01', 'nonsense'].map(
    (version): Dialogue => ({
      name: `versions/${version}`,
      shape: 'single',
      async play(talk) {
        const headers = { 'airflow-api-version': version };
        await talk.send('start', start(talk.ti('task'), undefined, { headers }));
        await talk.send('heartbeat', heartbeat(talk.ti('task'), undefined, { headers }));
      },
    }),
  ),
  {
    name: 'versions/none',
    shape: 'single',
    async play(talk) {
      const headers = { 'airflow-api-version': null };
      await talk.send('start', start(talk.ti('task'), undefined, { headers }));
      await talk.send('heartbeat', heartbeat(talk.ti('task'), undefined, { headers }));
    },
  },
  {
    name: 'versions/end reports without all of their fields, by the newest protocol',
    shape: 'many',
    async play(talk) {
      const headers = { 'airflow-api-version': null };
      const reports = [
        { state: 'success' },
        { state: 'failed' },
        { state: 'up_for_retry' },
        { state: 'deferred', next_method: 'm' },
        { state: 'up_for_reschedule', end_date: ENDED },
        { state: 'queued' },
        { state: 'nonsense' },
        { end_date: ENDED },
      ];
      for (const [i, report] of reports.entries()) {
        const ti = talk.ti(`t${i + 1}`);
        await talk.prepare(start(ti));
        await talk.send(report.state ?? 'without state', state(ti, report, { headers }));
      }
      await talk.rows('after');
    },
  },
  {
    name: 'versions/the correlation id comes back',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.prepare(start(ti));
      const { headers } = await talk.prepare(heartbeat(ti, undefined, { headers: { 'correlation-id': 'talk-1' } }));
      talk.note('header', 'heartbeat', headers['correlation-id']);
    },
  },
];

export const badInputDialogues: readonly Dialogue[] = [
  {
    name: 'bad input/malformed JSON and other bodies',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.send('cut off', { ...start(ti), raw: '{"state":"run' });
      await talk.send('empty', { ...start(ti), raw: '' });
      await talk.send('list', { ...start(ti), raw: '[]' });
      await talk.send('text', { ...start(ti), raw: '"running"' });
      await talk.send('null', { ...start(ti), raw: 'null' });
      await talk.send('heartbeat cut off', { ...heartbeat(ti), raw: '{' });
      await talk.send('no content type', { ...start(ti), headers: { 'content-type': null } });
      await talk.send('text content type', { ...start(ti), headers: { 'content-type': 'text/plain' } });
    },
  },
  {
    name: 'bad input/unknown keys',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.send('start', withField(start(ti), 'extra', 1));
      await talk.send('heartbeat', withField(heartbeat(ti), 'extra', 1));
      await talk.rows('after');
    },
  },
  {
    name: 'bad input/times',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      for (const date of ['2026-02-01T10:00:00', '2026-02-01', 'yesterday', '', null, true, [], '2026-13-01T10:00:00Z'])
        await talk.send(`start at ${JSON.stringify(date)}`, withField(start(ti), 'start_date', date));
      await talk.send('with an offset', withField(start(ti), 'start_date', '2026-02-01T12:00:00+02:00'));
      await talk.rows('after');
    },
  },
  {
    name: 'bad input/a number for a time',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.send('seconds', withField(start(ti), 'start_date', Date.parse('2026-02-01T10:00:00Z') / 1000));
      await talk.rows('after');
    },
  },
  {
    name: 'bad input/wrong types',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.send('hostname', withField(start(ti), 'hostname', 5));
      await talk.send('null hostname', withField(start(ti), 'hostname', null));
      await talk.send('unixname', withField(start(ti), 'unixname', {}));
      await talk.send('pid as words', withField(start(ti), 'pid', 'five'));
      await talk.send('pid with a fraction', withField(start(ti), 'pid', 5.5));
      await talk.send('pid null', withField(start(ti), 'pid', null));
      await talk.send('state', withField(start(ti), 'state', 'success'));
      await talk.rows('before the last');
      await talk.send('pid as digits', withField(start(ti), 'pid', '1001'));
      await talk.send('heartbeat with digits', withField(heartbeat(ti), 'pid', '1001'));
      await talk.send('heartbeat without pid', { ...heartbeat(ti), body: { hostname: 'host-a' } });
      await talk.send('heartbeat with a fraction', withField(heartbeat(ti), 'pid', 1001.5));
      await talk.rows('after');
    },
  },
  {
    name: 'bad input/a pid beyond the column',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.send('start', withField(start(ti), 'pid', 3_000_000_000));
      await talk.rows('after');
    },
  },
  {
    name: 'bad input/ids',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      const nowhere = { ...ti, id: 'nowhere' };
      await talk.send('start', start(nowhere));
      await talk.send('heartbeat', heartbeat(nowhere));
      await talk.send('upper case', heartbeat({ ...ti, id: ti.id.toUpperCase() }));
      await talk.send('without dashes', heartbeat({ ...ti, id: ti.id.replaceAll('-', '') }));
    },
  },
  {
    name: 'bad input/paths and methods',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.send('unknown path', { ...heartbeat(ti), path: '/nowhere' });
      await talk.send('unknown path of the task', { ...heartbeat(ti), path: `/task-instances/${ti.id}/nowhere` });
      await talk.send('wrong method', { ...heartbeat(ti), method: 'POST' });
      await talk.send('wrong method without token', { ...heartbeat(ti), method: 'POST', token: null });
      await talk.send('closing slash', { ...heartbeat(ti), path: `/task-instances/${ti.id}/heartbeat/` });
      await talk.send('health', execution('health', 'GET', '/health', ti, undefined, { token: null }));
      await talk.send('far future', withField(start(ti), 'start_date', SOME_DAY));
    },
  },
];

function withField<T extends { readonly body?: unknown }>(request: T, field: string, value: unknown): T {
  return { ...request, body: { ...(request.body as object), [field]: value } };
}
