import type { FastifyInstance } from 'fastify';

import type { Reply } from '../../behaviour.ts';
import type { Settings } from '../../settings.ts';
import type { Api } from '../api.ts';
import { type Endpoint, type Incoming, mount, redirectOf } from '../http.ts';
import { readJson } from '../json.ts';
import { Refusal } from '../refusal.ts';
import { bearer, secondsNow, Tokens } from '../tokens.ts';
import { assetRoutes } from './assets.ts';
import { backfillRoutes } from './backfills.ts';
import { bulkTaskInstancesRoute } from './bulk-task-instances.ts';
import { dagRunRoutes } from './dag-runs.ts';
import { dagRoutes } from './dags.ts';
import { healthRoute, versionRoute } from './health.ts';
import { poolRoutes } from './pools.ts';
import type { PublicRoute } from './route.ts';
import { taskInstanceRoutes } from './task-instances.ts';

const ROUTES: readonly PublicRoute[] = [
  healthRoute,
  versionRoute,
  ...dagRoutes,
  ...dagRunRoutes,
  ...taskInstanceRoutes,
  bulkTaskInstancesRoute,
  ...backfillRoutes,
  ...poolRoutes,
  ...assetRoutes,
];

/** [api_auth] jwt_audience. */
const AUDIENCE = 'apache-airflow';
const ANONYMOUS = 'Anonymous';
/** [api_auth] jwt_expiration_time, and that of the command line. */
const TOKEN_S = 86_400;
const CLI_TOKEN_S = 3_600;

/** The public API: `/api/v2` for users with a token, and `/auth/token`, which gives one to every client. */
export function mountPublic(app: FastifyInstance, api: Api, settings: Settings): void {
  const tokens = new Tokens({ secret: settings.secret, audience: AUDIENCE, required: ['exp', 'iat', 'nbf'] });
  const endpoints = ROUTES.map(
    (route): Endpoint => ({
      method: route.method,
      path: `/api/v2${route.path}`,
      answer: (incoming) => answer(api, tokens, route, incoming),
    }),
  );
  mount(app, [...endpoints, ...tokenEndpoints(tokens)]);
  app.setNotFoundHandler((request, sent) => {
    const elsewhere = redirectOf(endpoints, request.url);
    if (elsewhere !== undefined) return sent.code(307).header('location', elsewhere).send();
    if (request.method !== 'GET') return sent.code(405).header('allow', 'GET').send({ detail: 'Method Not Allowed' });
    if (request.url.startsWith('/api/')) return sent.code(404).send({ error: 'API route not found' });
    return sent.code(404).send({ detail: 'Not Found' });
  });
}

/** All are admins, as the harness has Airflow set. */
function tokenEndpoints(tokens: Tokens): Endpoint[] {
  const endpoint = (method: 'GET' | 'POST', path: string, lifetimeS: number): Endpoint => ({
    method,
    path,
    async answer() {
      const now = secondsNow();
      const claims = { sub: ANONYMOUS, role: 'ADMIN', teams: null, iat: now, nbf: now, exp: now + lifetimeS };
      return { status: 201, body: { access_token: await tokens.issue(claims) } };
    },
  });
  return [
    endpoint('GET', '/auth/token', TOKEN_S),
    endpoint('POST', '/auth/token', TOKEN_S),
    endpoint('POST', '/auth/token/cli', CLI_TOKEN_S),
  ];
}

async function answer(api: Api, tokens: Tokens, route: PublicRoute, incoming: Incoming): Promise<Reply> {
  try {
    const body = readJson(incoming.raw, incoming.header('content-type'));
    const user = route.open ? '' : await userOf(tokens, incoming.header('authorization'));
    const { params, query } = incoming;
    const answered = await route.answer(api, { params, query, body, user });
    return route.status === 204 ? { status: 204 } : { status: route.status ?? 200, body: answered };
  } catch (error) {
    return error instanceof Refusal ? error.reply : api.behaviour.failureReply(error);
  }
}

/** Where all are admins, one who says nothing is one, too. */
async function userOf(tokens: Tokens, header: string | undefined): Promise<string> {
  if (header === undefined) return ANONYMOUS;
  const token = bearer(header);
  if (token === undefined) throw Refusal.of(401, 'Not authenticated');
  const claims = await tokens.verify(token);
  if (claims === 'expired') throw Refusal.of(401, 'Token Expired');
  if (claims === 'invalid') throw Refusal.of(403, 'Invalid JWT token');
  return claims.sub;
}
