import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Tests only: a way to a TCP server that can fail as a network does. */
export interface UnreliableWay {
  readonly port: number;
  /** `silent`: packets are lost. Nothing closes, and what is open then never speaks again. */
  state: 'open' | 'silent';
  /** How long each packet takes, each way, milliseconds. */
  delayMs: number;
  /** Resets all connections. */
  cut(): void;
  close(): Promise<void>;
}

export async function openUnreliableWay(port: number): Promise<UnreliableWay> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const upstream = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    // Of a connection that was opened while nothing arrives, the first packet is lost.
    const line = { isDead: false };
    carry(client, upstream, line);
    carry(upstream, client, line);
  });
  const carry = (from: Socket, to: Socket, line: { isDead: boolean }) => {
    let last: Promise<unknown> = Promise.resolve();
    const send = (action: () => void) => {
      line.isDead ||= way.state === 'silent';
      const arrived = sleep(way.delayMs);
      last = last.then(() => arrived).then(() => (line.isDead || to.destroyed ? undefined : action()));
    };
    sockets.add(from);
    from.on('error', () => undefined);
    from.on('data', (packet: Buffer) => send(() => to.write(packet)));
    from.on('end', () => send(() => to.end()));
    from.on('close', () => {
      sockets.delete(from);
      send(() => to.destroy());
    });
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  const way: UnreliableWay = {
    port: (server.address() as AddressInfo).port,
    state: 'open',
    delayMs: 0,
    cut,
    async close() {
      const closed = once(server, 'close');
      server.close();
      cut();
      await closed;
    },
  };
  return way;
}
