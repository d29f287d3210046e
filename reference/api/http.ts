import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';

import type { Reply } from '../behaviour.ts';

/** XComs are the largest bodies. */
const BODY_BYTES = 16 * 1024 * 1024;
/** Ids have up to 250 characters, and each may be written as %XX. */
const PARAM_LENGTH = 3 * 250;

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
const METHODS: readonly Method[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

/** A request as the routes see it. */
export interface Incoming {
  readonly method: string;
  readonly path: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string | readonly string[]>>;
  readonly raw: string;
  header(name: string): string | undefined;
}

export interface Endpoint {
  readonly method: Method;
  /** In find-my-way's syntax: `/pools/:name`, `/variables/*`. */
  readonly path: string;
  answer(incoming: Incoming): Promise<Reply>;
}

/** A server that hands bodies on as text: what is wrong with one is the routes' to say, in Airflow's words. */
export function newServer(): FastifyInstance {
  const app = Fastify({
    bodyLimit: BODY_BYTES,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: PARAM_LENGTH },
    // A closing server answers what it has begun; the harness's idle connections must not hold it up.
    forceCloseConnections: 'idle',
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  return app;
}

/** Mounts the endpoints, and 405 with `allow` on each of their paths for every other method, as Starlette answers. */
export function mount(app: FastifyInstance, endpoints: readonly Endpoint[]): void {
  const allowed = new Map<string, Method[]>();
  for (const { method, path, answer } of endpoints) {
    allowed.set(path, [...(allowed.get(path) ?? []), method]);
    app.route({
      method,
      url: path,
      handler: async (request, sent) => {
        const { status, headers, body } = await answer(incomingOf(request));
        sent.code(status);
        if (headers) sent.headers(headers);
        if (body === undefined) return sent.send();
        return sent.header('content-type', 'application/json').send(method === 'HEAD' ? '' : JSON.stringify(body));
      },
    });
  }
  for (const [path, methods] of allowed) {
    app.route({
      method: METHODS.filter((method) => !methods.includes(method)),
      url: path,
      handler: (_request, sent) => sent.code(405).header('allow', methods.join(', ')).send(NOT_ALLOWED),
    });
  }
}

const NOT_ALLOWED = { detail: 'Method Not Allowed' };

/** Where Starlette redirects a path with a missing or superfluous slash at its end. */
export function redirectOf(endpoints: readonly Endpoint[], url: string): string | undefined {
  const [path = '', ...query] = url.split('?');
  const other = path.endsWith('/') ? path.slice(0, -1) : `${path}/`;
  if (!endpoints.some((endpoint) => patternOf(endpoint.path).test(other))) return undefined;
  return [other, ...query].join('?');
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replaceAll('.', '\\.').replace(/:\w+/g, '[^/]+').replace('*', '.*')}$`);
}

function incomingOf(request: FastifyRequest): Incoming {
  return {
    method: request.method,
    path: request.url,
    params: request.params as Record<string, string>,
    query: request.query as Record<string, string | string[]>,
    raw: typeof request.body === 'string' ? request.body : '',
    header: (name) => {
      const value = request.headers[name];
      return Array.isArray(value) ? value[0] : value;
    },
  };
}
