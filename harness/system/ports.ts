import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

/**
 * Free loopback ports, all different. Another program may take one before we use it: a caller that starts a
 * server on one must notice that it did not come up.
 */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, listen));
  const ports = servers.map(({ port }) => port);
  await Promise.all(servers.map(({ close }) => close()));
  return ports;
}

function listen(): Promise<{ port: number; close: () => Promise<void> }> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (address === null || typeof address === 'string') return reject(new Error('no TCP address'));
      resolve({ port: address.port, close: () => new Promise((done) => server.close(() => done())) });
    });
  });
}

export interface PortsInUse {
  /** Of those below: at most so many. */
  readonly inUse: number;
  /** Ports that the kernel gives to connections which name none themselves. */
  readonly all: number;
}

/**
 * How many of the machine's ephemeral ports are taken: a client that finds none left cannot connect, which looks like a
 * server that refuses. Undefined where the kernel does not say.
 */
export function portsInUse(proc = '/proc'): PortsInUse | undefined {
  try {
    const read = (file: string) => readFileSync(`${proc}/${file}`, 'utf8');
    const [first = 0, last = 0] = read('sys/net/ipv4/ip_local_port_range').split(/\s+/).map(Number);
    const all = last - first + 1;
    // Every socket, at both ends, and those that only wait for stragglers. It costs nothing to read and is too many, so
    // the sockets themselves, a line for each, are read only where it might matter.
    const sockets = socketsIn(read('net/sockstat')) + socketsIn(orNothing(() => read('net/sockstat6')));
    if (sockets <= all / 2) return { inUse: sockets, all };
    const ports = new Set<number>();
    for (const table of [read('net/tcp'), orNothing(() => read('net/tcp6'))]) {
      for (const [, port = ''] of table.matchAll(/^ *\d+: [0-9A-F]+:([0-9A-F]{4}) /gm))
        ports.add(Number.parseInt(port, 16));
    }
    return { inUse: [...ports].filter((port) => port >= first && port <= last).length, all };
  } catch {
    return undefined;
  }
}

function socketsIn(text: string): number {
  const [, inUse = 0, , waiting = 0] = /^TCP6?: inuse (\d+)(?: orphan (\d+) tw (\d+))?/m.exec(text) ?? [];
  return Number(inUse) + Number(waiting);
}

/** A kernel may do without IPv6. */
function orNothing(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}
