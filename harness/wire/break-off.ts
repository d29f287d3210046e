import type { Socket } from 'node:net';

/**
 * A reset, as from a network or a load balancer. Node cannot reset a socket that is being shut down (it would never
 * close) or has unsent data (it would wait): those are only closed.
 */
export function breakOff(socket: Socket): void {
  if (socket.destroyed || socket.writableEnded || socket.writableLength > 0) socket.destroy();
  else socket.resetAndDestroy();
}
