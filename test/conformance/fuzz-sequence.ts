import fc from 'fast-check';

import type { Json } from './observation.ts';
import {
  ANNE,
  BERT,
  DEFERRED,
  ENDED,
  FAILED,
  STARTED,
  SUCCESS,
  UNKNOWN_ID,
  UP_FOR_RESCHEDULE,
  UP_FOR_RETRY,
} from './requests.ts';

/**
 * One request of a random sequence, as plain data, so that it can be kept beside what was seen. `{self}`, `{other}`,
 * `{dag}`, `{run}`, `{self_task}`, `{other_task}` stand for the names of the place where it is played.
 */
export interface FuzzRequest {
  readonly route: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly token: 'self' | 'other' | 'unknown' | 'workload' | 'expired' | 'none';
  readonly body?: Json;
}

export type Sequence = readonly FuzzRequest[];

type Body = { readonly [key: string]: Json };

const who = fc.constantFrom('self' as const, 'self' as const, 'self' as const, 'other' as const);
const worker = fc.constantFrom(ANNE, ANNE, ANNE, BERT);

/** What a field may wrongly hold. */
const oddValue: fc.Arbitrary<Json> = fc.constantFrom<Json>(
  null,
  true,
  0,
  -1,
  1.5,
  '',
  'x',
  '7',
  [],
  ['a'],
  {},
  STARTED,
  '2026-02-01T10:00:00',
  UNKNOWN_ID,
);

/** Most bodies stay as they are; some lose a field, gain one, or hold something odd. */
function damaged(body: Body): fc.Arbitrary<Json> {
  const field = fc.constantFrom(...Object.keys(body));
  return fc.oneof(
    { weight: 6, arbitrary: fc.constant<Json>(body) },
    { weight: 1, arbitrary: field.map((name) => without(body, name)) },
    { weight: 1, arbitrary: fc.constant<Json>({ ...body, extra: 1 }) },
    { weight: 2, arbitrary: fc.tuple(field, oddValue).map(([name, value]): Json => ({ ...body, [name]: value })) },
    { weight: 1, arbitrary: oddValue },
  );
}

function without(body: Body, name: string): Json {
  return Object.fromEntries(Object.entries(body).filter(([key]) => key !== name));
}

type Draft = Omit<FuzzRequest, 'token'> & { readonly of: 'self' | 'other' };

function ofTi(route: string, method: FuzzRequest['method'], body: fc.Arbitrary<Json>): fc.Arbitrary<Draft> {
  return fc
    .tuple(who, body)
    .map(([of, sent]) => ({ route, method, path: `/task-instances/{${of}}/${route}`, body: sent, of }));
}

const run = worker.chain((by) => damaged({ state: 'running', ...by, start_date: STARTED }));
const beat = worker.chain(({ hostname, pid }) => damaged({ hostname, pid }));
const end = fc
  .constantFrom<Body>(
    SUCCESS,
    SUCCESS,
    FAILED,
    UP_FOR_RETRY,
    UP_FOR_RESCHEDULE,
    DEFERRED,
    { state: 'skipped', end_date: ENDED },
    { state: 'removed', end_date: ENDED },
    { state: 'queued' },
    { state: 'running' },
  )
  .chain(damaged);
const skip = fc
  .constantFrom<Json>(['{other_task}'], ['{self_task}'], [['{other_task}', -1]], ['nowhere'], [])
  .chain((tasks) => damaged({ tasks }));
const fields = fc
  .constantFrom<Body>({ bash_command: 'echo 1' }, { bash_command: 'echo 2', env: { A: 'b' } })
  .chain(damaged);

const xcom: fc.Arbitrary<Draft> = fc
  .tuple(who, fc.constantFrom('POST' as const, 'POST' as const, 'GET' as const, 'DELETE' as const), oddValue)
  .map(([of, method, value]) => ({
    route: 'xcom',
    method,
    path: `/xcoms/{dag}/{run}/{${of}_task}/key`,
    ...(method === 'POST' ? { body: value } : {}),
    of,
  }));

const variable: fc.Arbitrary<Draft> = fc
  .tuple(who, fc.constantFrom('PUT' as const, 'PUT' as const, 'GET' as const, 'DELETE' as const))
  .chain(([of, method]) =>
    (method === 'PUT' ? damaged({ val: 'a', description: null }) : fc.constant(undefined)).map((body) => ({
      route: 'variable',
      method,
      // One for each place: sequences must not meet.
      path: '/variables/wt_{run}_{self_task}',
      ...(body === undefined ? {} : { body }),
      of,
    })),
  );

const query: fc.Arbitrary<Draft> = fc
  .tuple(
    who,
    fc.constantFrom(
      ['count', '/task-instances/count?dag_id={dag}&run_ids={run}&task_ids={self_task}&states=running'],
      ['states', '/task-instances/states?dag_id={dag}&run_ids={run}&task_ids={self_task}'],
      ['previous-successful-dagrun', '/task-instances/{self}/previous-successful-dagrun'],
      ['validate-inlets-and-outlets', '/task-instances/{self}/validate-inlets-and-outlets'],
      ['reschedule', '/task-reschedules/{self}/start_date'],
      ['connection', '/connections/wt_nowhere'],
    ),
  )
  .map(([of, [route = '', path = '']]) => ({ route, method: 'GET', path, of }));

const request: fc.Arbitrary<FuzzRequest> = fc
  .oneof(
    { weight: 4, arbitrary: ofTi('run', 'PATCH', run) },
    { weight: 4, arbitrary: ofTi('state', 'PATCH', end) },
    { weight: 3, arbitrary: ofTi('heartbeat', 'PUT', beat) },
    { weight: 2, arbitrary: ofTi('skip-downstream', 'PATCH', skip) },
    { weight: 2, arbitrary: ofTi('rtif', 'PUT', fields) },
    { weight: 1, arbitrary: ofTi('rendered-map-index', 'PATCH', oddValue) },
    { weight: 2, arbitrary: xcom },
    { weight: 1, arbitrary: variable },
    { weight: 1, arbitrary: query },
  )
  .chain(({ of, ...draft }) =>
    fc
      .oneof(
        { weight: 12, arbitrary: fc.constant(of) },
        { weight: 1, arbitrary: fc.constantFrom('other', 'unknown', 'workload', 'expired', 'none') },
      )
      .map((token) => ({ ...draft, token }) as FuzzRequest),
  )
  .chain((sound) =>
    fc.oneof(
      { weight: 20, arbitrary: fc.constant(sound) },
      // An id that is not there, or is none.
      {
        weight: 1,
        arbitrary: fc
          .constantFrom(UNKNOWN_ID, 'nowhere')
          .map((id) => ({ ...sound, path: sound.path.replace('{self}', id) })),
      },
    ),
  );

/** Half of the sequences begin as a life does, or most requests would only meet a task that waits. */
const begin = fc.constantFrom<Sequence>(
  [],
  [
    {
      route: 'run',
      method: 'PATCH',
      path: '/task-instances/{self}/run',
      token: 'self',
      body: { state: 'running', ...ANNE, start_date: STARTED },
    },
  ],
);

export const sequence: fc.Arbitrary<Sequence> = fc
  .tuple(begin, fc.array(request, { minLength: 1, maxLength: 5 }))
  .map(([first, rest]) => [...first, ...rest]);
