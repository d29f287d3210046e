import { readFileSync } from 'node:fs';
import path from 'node:path';

import { parse } from 'yaml';
import { z } from 'zod';

/**
 * Compose files as Docker reads them, as far as ours go: anchors, variables, one file over another. Whatever else a
 * file may hold is refused, so that nothing is passed over in silence; where there is `docker compose`, a test compares
 * the two readings.
 */
export const DOCKER = path.join(import.meta.dirname, '..', '..', 'docker');

const HEALTHCHECK = z.strictObject({
  test: z.array(z.string()).min(2),
  interval: z.string(),
  timeout: z.string(),
  retries: z.number(),
});

const SERVICE = z.strictObject({
  image: z.string(),
  build: z
    .strictObject({
      context: z.string(),
      dockerfile: z.string(),
      args: z.record(z.string(), z.string()).default({}),
    })
    .optional(),
  user: z.string(),
  init: z.literal(true),
  cap_drop: z.array(z.string()),
  security_opt: z.array(z.string()),
  entrypoint: z.array(z.string()).default([]),
  command: z.array(z.string()).default([]),
  environment: z.record(z.string(), z.string()).default({}),
  env_file: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  ports: z.array(z.string()).default([]),
  profiles: z.array(z.string()).default([]),
  restart: z.string().default('no'),
  shm_size: z.string().optional(),
  depends_on: z.record(z.string(), z.strictObject({ condition: z.string() })).default({}),
  healthcheck: HEALTHCHECK.optional(),
});

/** A service with all that its files and variables say; `environment` includes that of its `env_file`. */
export type Service = z.infer<typeof SERVICE>;
export type Services = Readonly<Record<string, Service>>;

export function readCompose(files: readonly string[], variables: Readonly<Record<string, string>> = {}): Services {
  const documents = files.map((file) => parse(readFileSync(path.join(DOCKER, file), 'utf8'), { merge: true }));
  const services = documents.map(({ services }) => services).reduce((under, over) => merged(under, over, []));
  const filled = z.record(z.string(), SERVICE).parse(interpolated(services, variables));
  return Object.fromEntries(
    Object.entries(filled).map(([name, service]) => {
      const fromFiles = Object.assign({}, ...service.env_file.map(readEnvFile));
      return [name, { ...service, environment: { ...fromFiles, ...service.environment } }];
    }),
  );
}

/** Volumes as they stand in a service: `source:target[:ro]`. */
export function mountsOf({ volumes }: Service): { readonly source: string; readonly target: string }[] {
  return volumes.map((volume) => {
    const [source = '', target = ''] = volume.split(':');
    return { source, target };
  });
}

/** Lists that the upper file replaces; Docker appends the others, and we have none of those. */
const REPLACED = ['command', 'entrypoint', 'test'];

function merged(under: unknown, over: unknown, at: readonly string[]): unknown {
  if (isMapping(under) && isMapping(over)) {
    const keys = [...new Set([...Object.keys(under), ...Object.keys(over)])];
    return Object.fromEntries(
      keys.map((key) => [key, key in over ? merged(under[key], over[key], [...at, key]) : under[key]]),
    );
  }
  if (Array.isArray(under) && !REPLACED.includes(at.at(-1) ?? '')) throw new Error(`lists meet at ${at.join('.')}`);
  return over;
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function interpolated(value: unknown, variables: Readonly<Record<string, string>>): unknown {
  if (typeof value === 'string') {
    return value.replace(/\$\$|\$\{(\w+):-([^}]*)\}|\$/g, (whole, name?: string, otherwise?: string) => {
      if (whole === '$$') return '$';
      if (name === undefined) throw new Error(`a variable without a default: ${value}`);
      return variables[name] || (otherwise ?? '');
    });
  }
  if (Array.isArray(value)) return value.map((one) => interpolated(one, variables));
  if (!isMapping(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, interpolated(one, variables)]));
}

function readEnvFile(file: string): Record<string, string> {
  const lines = readFileSync(path.join(DOCKER, file), 'utf8').split('\n');
  return Object.fromEntries(
    lines
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}
