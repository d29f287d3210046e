import type { Dialogue } from '../dialogue.ts';
import { heartbeat, start, UNKNOWN_ID, variable, xcom } from '../requests.ts';

export const tokenDialogues: readonly Dialogue[] = [
  {
    name: 'tokens/none, and no token at all',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      await talk.send('no header', start(ti, undefined, { token: null }));
      await talk.send('no token', start(ti, undefined, { token: 'nonsense' }));
      await talk.send('other scheme', start(ti, undefined, { headers: { authorization: 'Basic YTpi' } }));
      await talk.send('empty', start(ti, undefined, { headers: { authorization: 'Bearer ' } }));
      await talk.rows('after');
    },
  },
  {
    name: 'tokens/expired',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      // Airflow allows ten seconds for clocks that differ.
      await talk.send('long ago', start(ti, undefined, { token: await talk.token({ sub: ti.id, expiresIn: -60 }) }));
      await talk.send('just now', start(ti, undefined, { token: await talk.token({ sub: ti.id, expiresIn: -2 }) }));
      await talk.rows('after');
    },
  },
  {
    name: 'tokens/about to expire are refreshed',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      const token = await talk.token({ sub: ti.id, expiresIn: 20, scope: 'execution' });
      await talk.send('start', start(ti, undefined, { token }));
      await talk.send('heartbeat', heartbeat(ti, undefined, { token }));
      const long = await talk.token({ sub: ti.id, expiresIn: 500, scope: 'execution' });
      await talk.send('heartbeat with time left', heartbeat(ti, undefined, { token: long }));
    },
  },
  {
    name: 'tokens/wrong key',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      const token = await talk.token({ sub: ti.id, secret: 'x'.repeat(64) });
      await talk.send('start', start(ti, undefined, { token }));
      await talk.send('variable', { ...variable('GET', ti, 'wt_none'), token });
    },
  },
  {
    name: 'tokens/wrong subject',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      const token = await talk.token({ sub: UNKNOWN_ID });
      await talk.send('start', start(ti, undefined, { token }));
      await talk.send('heartbeat', heartbeat(ti, undefined, { token }));
      await talk.send('xcom, which asks for any task', { ...xcom('POST', ti, 'k', 1), token });
      const noUuid = await talk.token({ sub: 'me' });
      await talk.send('no uuid', start(ti, undefined, { token: noUuid }));
      await talk.send('no uuid, variable', { ...variable('GET', ti, 'wt_none'), token: noUuid });
    },
  },
  {
    name: 'tokens/wrong audience',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      const token = await talk.token({ sub: ti.id, audience: 'apache-airflow' });
      await talk.send('start', start(ti, undefined, { token }));
      await talk.send('public token', start(ti, undefined, { token: talk.publicToken }));
    },
  },
  {
    name: 'tokens/missing claims',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      for (const without of ['exp', 'iat', 'sub', 'aud'] as const)
        await talk.send(without, start(ti, undefined, { token: await talk.token({ sub: ti.id, without }) }));
      await talk.rows('after');
    },
  },
  {
    name: 'tokens/scopes',
    shape: 'pair',
    async play(talk) {
      const ti = talk.ti('task');
      const workload = await talk.token({ sub: ti.id, scope: 'workload' });
      const nonsense = await talk.token({ sub: ti.id, scope: 'nonsense' });
      await talk.send('nonsense', start(ti, undefined, { token: nonsense }));
      await talk.send('workload at heartbeat', heartbeat(ti, undefined, { token: workload }));
      await talk.send('workload at variable', { ...variable('GET', ti, 'wt_none'), token: workload });
      await talk.send('workload at run', start(ti, undefined, { token: workload }));
      await talk.send('workload at run, replayed', start(ti, undefined, { token: workload }));
      const other = talk.ti('other');
      const execution = await talk.token({ sub: other.id, scope: 'execution' });
      await talk.send('execution at run', start(other, undefined, { token: execution }));
    },
  },
  {
    name: 'tokens/the one that the scheduler sent',
    shape: 'single',
    async play(talk) {
      const ti = talk.ti('task');
      const { queueToken } = ti;
      await talk.send('heartbeat', heartbeat(ti, undefined, { token: queueToken }));
      await talk.send('start', start(ti));
      await talk.send('heartbeat after the start', heartbeat(ti, undefined, { token: queueToken }));
      await talk.send('xcom', { ...xcom('POST', ti, 'k', 1), token: queueToken });
    },
  },
  {
    name: 'tokens/of another task instance',
    shape: 'pair',
    async play(talk) {
      const ti = talk.ti('task');
      const other = talk.ti('other');
      await talk.prepare(start(ti));
      await talk.prepare(start(other));
      await talk.send('heartbeat', heartbeat(ti, undefined, { token: other.token }));
      await talk.send('xcom', { ...xcom('POST', ti, 'k', 1), token: other.token });
      await talk.rows('after', ['task', 'other']);
    },
  },
];
