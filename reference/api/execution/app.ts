import type { Claims, Reply } from '../../behaviour.ts';
import type { Settings } from '../../settings.ts';
import type { Api } from '../api.ts';
import type { Endpoint, Incoming } from '../http.ts';
import { readJson } from '../json.ts';
import { Refusal } from '../refusal.ts';
import { bearer, secondsNow, Tokens } from '../tokens.ts';
import { dagRunRoutes } from './dag-runs.ts';
import { heartbeatRoute } from './heartbeat.ts';
import { queryRoutes } from './queries.ts';
import { renderedFieldsRoute, renderedMapIndexRoute } from './rendered-fields.ts';
import { param, type Route } from './route.ts';
import { runRoute } from './run.ts';
import { skipDownstreamRoute } from './skip-downstream.ts';
import { stateRoute } from './state.ts';
import { variableRoutes } from './variables.ts';
import { NEWEST, type Version, versionFor } from './versions.ts';
import { xcomRoutes } from './xcoms.ts';

const ROUTES: readonly Route[] = [
  runRoute,
  heartbeatRoute,
  stateRoute,
  skipDownstreamRoute,
  renderedFieldsRoute,
  renderedMapIndexRoute,
  ...queryRoutes,
  ...xcomRoutes,
  ...variableRoutes,
  ...dagRunRoutes,
];

/** [execution_api] jwt_audience. */
const AUDIENCE = 'urn:airflow.apache.org:task';
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** A token is replaced in its last fifth, and at the latest so many seconds before its end. */
const REFRESH_SHARE = 0.2;
const REFRESH_AT_LEAST_S = 30;
const REFRESHED = 'refreshed-api-token';
const VERSION = 'airflow-api-version';

/** The Execution API, as endpoints below `/execution`. */
export function executionEndpoints(api: Api, settings: Settings): Endpoint[] {
  const tokens = new Tokens({ secret: settings.secret, audience: AUDIENCE, required: ['aud', 'exp', 'iat'] });
  const health = (path: string, body: unknown): Endpoint => ({
    method: 'GET',
    path: `/execution${path}`,
    answer: async (incoming) => {
      try {
        return dressed({ status: 200, body }, incoming, versionOf(incoming).asked);
      } catch (error) {
        return replyTo(api, error, incoming);
      }
    },
  });
  return [
    health('/health', { status: 'healthy' }),
    health('/health/ping', { ok: ['airflow.api_fastapi.auth.tokens.JWTValidator'], failing: {} }),
    ...ROUTES.map(
      (route): Endpoint => ({
        method: route.method,
        path: `/execution${route.path}`,
        answer: (incoming) => answer(api, tokens, route, incoming),
      }),
    ),
  ];
}

/** One request: its version, its body's form, its token, and only then what it asks for. The order is FastAPI's. */
async function answer(api: Api, tokens: Tokens, route: Route, incoming: Incoming): Promise<Reply> {
  let refreshed: Record<string, string> = {};
  let reply: Reply;
  try {
    const { version } = versionOf(incoming);
    if (route.since !== undefined && version < route.since) throw Refusal.of(404, 'Not Found');
    const token = bearer(incoming.header('authorization'));
    const claims = token === undefined ? undefined : await tokens.verify(token);
    if (typeof claims === 'object') refreshed = await refreshing(api, tokens, claims);
    const body = readJson(incoming.raw, incoming.header('content-type'));
    const { params, query } = incoming;
    const worker = admitted(claims, route, params);
    api.behaviour.onRequest({ path: incoming.path, body });
    reply = await route.answer(api, { params, query, body, claims: worker, version });
    if (worker.scope === 'workload' && reply.status === 200) {
      refreshed = { [REFRESHED]: await tokens.issue({ ...api.behaviour.refreshedClaims(worker) }) };
    }
  } catch (error) {
    reply = replyTo(api, error, incoming);
  }
  return dressed({ ...reply, headers: { ...reply.headers, ...refreshed } }, incoming, askedOf(incoming));
}

/** Who asks, if the token is good for this route. */
function admitted(claims: Claims | string | undefined, route: Route, params: Incoming['params']): Claims {
  if (claims === undefined) throw Refusal.of(401, 'Missing auth token');
  if (typeof claims === 'string') throw Refusal.of(403, 'Invalid auth token');
  const { scope = 'execution', sub } = claims;
  if (scope !== 'execution' && scope !== 'workload') {
    throw Refusal.of(403, `Invalid auth token: ${wrongScope(scope)}`);
  }
  // Airflow takes the subject for a UUID without looking.
  if (typeof sub !== 'string' || !UUID.test(sub)) throw new Error(`badly formed hexadecimal UUID string: ${sub}`);
  if (scope === 'workload' && !route.queued) {
    throw Refusal.of(403, "Token type 'workload' not allowed for this endpoint. Allowed types: execution");
  }
  if (route.self && sub.toLowerCase() !== param({ params }, 'id')) {
    throw Refusal.of(403, 'Token subject does not match task instance ID');
  }
  return claims;
}

/** pydantic's error, as Python's `str` writes it. */
function wrongScope(scope: unknown): string {
  const what = `[type=literal_error, input_value='${scope}', input_type=str]`;
  return `1 validation error for TIClaims
scope
  Input should be 'execution' or 'workload' ${what}
    For further information visit https://errors.pydantic.dev/2.13/v/literal_error`;
}

/** The header that replaces a token which ends soon. The queue's tokens are replaced at the start alone. */
async function refreshing(api: Api, tokens: Tokens, claims: Claims): Promise<Record<string, string>> {
  const left = claims.exp - secondsNow();
  const limit = Math.max(Math.floor((claims.exp - claims.iat) * REFRESH_SHARE), REFRESH_AT_LEAST_S);
  if (claims.scope === 'workload' || left > limit) return {};
  return { [REFRESHED]: await tokens.issue({ ...api.behaviour.refreshedClaims(claims) }) };
}

function askedOf(incoming: Incoming): string {
  return incoming.header(VERSION) || NEWEST;
}

function versionOf(incoming: Incoming): { readonly asked: string; readonly version: Version } {
  const asked = askedOf(incoming);
  if (!/^\d{4}-\d{2}-\d{2}$/.test(asked)) {
    const error = asked.length < 10 ? 'input is too short' : 'invalid character in year';
    const msg = `Input should be a valid date or datetime, ${error}`;
    const loc = ['header', 'Airflow-API-Version'];
    throw Refusal.of(422, [{ type: 'date_from_datetime_parsing', loc, msg, input: asked, ctx: { error } }]);
  }
  const version = versionFor(asked);
  if (version === undefined) throw Refusal.of(404, 'Not Found');
  return { asked, version };
}

function replyTo(api: Api, error: unknown, incoming: Incoming): Reply {
  if (error instanceof Refusal) return error.reply;
  const reply = api.behaviour.failureReply(error);
  const correlationId = incoming.header('correlation-id');
  const { body } = reply;
  // Only the answer of last resort names the request.
  if (correlationId === undefined || typeof body !== 'object' || body === null || !('message' in body)) return reply;
  return { ...reply, body: { ...body, 'correlation-id': correlationId } };
}

function dressed(reply: Reply, incoming: Incoming, asked: string): Reply {
  const correlationId = incoming.header('correlation-id');
  const echoed = correlationId === undefined ? {} : { 'correlation-id': correlationId };
  return { ...reply, headers: { ...reply.headers, [VERSION]: asked, ...echoed } };
}
