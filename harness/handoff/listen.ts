import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { connect, type ListenOptions, type Server } from 'node:net';
import { messageOf, StackError } from '../model/errors.ts';
import { isRecord } from '../model/json.ts';

const PROBE_MS = 1_000;
const LOOPBACK = ['127.0.0.1', 'localhost', '::1'];

export function unixPath(address: string): string | null {
  return address.startsWith('unix:') ? address.slice('unix:'.length) : null;
}

/** Undefined for what is not `unix:/path` or `tcp:host:port`. An IPv6 address is in square brackets. */
export function parseHandOff(address: string): { path: string } | { host: string; port: number } | undefined {
  const path = unixPath(address);
  if (path !== null) return path.startsWith('/') ? { path } : undefined;
  const [, host = '', port] = /^tcp:([^:\s]+|\[[0-9a-f:]+\]):(\d{1,5})$/.exec(address) ?? [];
  if (port === undefined || Number(port) > 65_535) return undefined;
  return { host: host.replace(/[[\]]/g, ''), port: Number(port) };
}

/**
 * Binds the server and returns the address that executors can be given: with the port that was chosen. On other hosts
 * than loopback only if `elsewhere`.
 */
export async function listenAt(server: Server, address: string, elsewhere = false): Promise<string> {
  const where = parseHandOff(address);
  if (where === undefined || ('host' in where && !(elsewhere || LOOPBACK.includes(where.host)))) {
    throw new StackError(`"${address}" is not unix:/path or tcp:127.0.0.1:port, where a dispatcher can listen`);
  }
  const path = 'path' in where ? where.path : null;
  try {
    await bind(server, where);
  } catch (error) {
    // A killed harness leaves its socket file, where no process listens any more.
    const stale = path !== null && isRecord(error) && error.code === 'EADDRINUSE' && !(await answers(path));
    if (!stale) throw new StackError(`cannot listen at ${address}: ${messageOf(error)}`, { cause: error });
    await rm(path, { force: true });
    await bind(server, where);
  }
  const bound = server.address();
  if (bound === null || typeof bound === 'string') return address;
  return `tcp:${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`;
}

/** Removes the socket file of a harness that was killed; false if there is none, or a process listens there. */
export async function removeDeadSocket(address: string): Promise<boolean> {
  const path = unixPath(address);
  if (path === null || !existsSync(path) || (await answers(path))) return false;
  await rm(path, { force: true });
  return true;
}

function bind(server: Server, where: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
}

/** True unless it is certain that no process listens: a file is only removed when the connection is refused. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path, timeout: PROBE_MS });
    const done = (alive: boolean) => {
      socket.destroy();
      resolve(alive);
    };
    socket.once('connect', () => done(true));
    socket.once('timeout', () => done(true));
    socket.once('error', (error: NodeJS.ErrnoException) => done(error.code !== 'ECONNREFUSED'));
  });
}
