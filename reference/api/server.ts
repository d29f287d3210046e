import { once } from 'node:events';

import type { FastifyInstance } from 'fastify';

import { openPool } from '../database/connect.ts';
import { log } from '../log.ts';
import type { Role } from '../role.ts';
import type { Api } from './api.ts';
import { executionEndpoints } from './execution/app.ts';
import { mount, newServer, redirectOf } from './http.ts';
import { mountPublic } from './public/app.ts';

/** The API server of the workers. */
export function runExecutionApi(role: Role): Promise<void> {
  return serve(role, (app, api) => {
    const endpoints = executionEndpoints(api, role.settings);
    mount(app, endpoints);
    app.setNotFoundHandler((request, sent) => {
      const elsewhere = redirectOf(endpoints, request.url);
      if (elsewhere !== undefined) return sent.code(307).header('location', elsewhere).send();
      return sent.code(404).send({ detail: 'Not Found' });
    });
  });
}

/** The API server of people and their scripts. */
export function runPublicApi(role: Role): Promise<void> {
  return serve(role, (app, api) => mountPublic(app, api, role.settings));
}

async function serve(role: Role, build: (app: FastifyInstance, api: Api) => void): Promise<void> {
  const { settings, behaviour, signal } = role;
  const pool = openPool(settings);
  const app = newServer();
  build(app, { pool, behaviour });
  try {
    await app.listen({ host: settings.host, port: settings.port });
    log('info', `${settings.process} listening on port ${settings.port}`);
    if (!signal.aborted) await once(signal, 'abort');
  } finally {
    await app.close();
    await pool.end();
  }
}
