/**
 * For bench:k6, by the real k6: the requests of a short life, as plainly and as fast as k6 can send them, and nothing
 * written down.
 */
import http from 'k6/http';
import type { Options } from 'k6/options';

export const options: Options = {
  scenarios: {
    lives: { executor: 'constant-vus', vus: Number(__ENV.VUS), duration: `${__ENV.SECONDS}s`, gracefulStop: '2s' },
  },
  systemTags: ['status', 'method', 'name', 'error_code'],
};

const TOKEN = 't'.repeat(310);

export default function life(): void {
  const id = `01900000-0000-7000-8000-${(__VU * 1_000_000 + __ITER).toString(16).padStart(12, '0')}`;
  const own = (route: string) => `${__ENV.URL}/task-instances/${id}/${route}`;
  const send = (kind: string, method: string, url: string, body: unknown) =>
    http.request(method, url, JSON.stringify(body), {
      headers: {
        authorization: `Bearer ${TOKEN}`,
        'airflow-api-version': '2025-11-05',
        'content-type': 'application/json',
        'correlation-id': `${__VU}-${__ITER}-${kind}`,
      },
      tags: { name: kind },
      timeout: '60s',
    });
  const now = () => new Date().toISOString();
  const start = { state: 'running', hostname: `w-${__VU}`, unixname: 'sim', pid: 1000 + __VU, start_date: now() };
  send('run', 'PATCH', own('run'), start).json('should_retry');
  send('rtif', 'PUT', own('rtif'), { bash_command: `echo life ${__ITER} write 1` });
  send('xcom_push', 'POST', `${__ENV.URL}/xcoms/wt_bench/run/work/return_value?map_index=-1`, `life ${__ITER}`);
  send('state', 'PATCH', own('state'), { state: 'success', end_date: now(), task_outlets: [], outlet_events: [] });
}
