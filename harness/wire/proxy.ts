import { once } from 'node:events';
import { connect, createServer } from 'node:net';

import type { Wire } from '../model/wire.ts';
import { Catalogue, type CataloguedColumn } from './catalogue.ts';
import { WireConnection } from './connection.ts';
import { ActiveRule, RuleBook, withoutMemory } from './rules.ts';
import { loadParser } from './sql/parse.ts';

export interface WireProxy extends Wire {
  /** On loopback, for one process of the stack. */
  readonly port: number;
  /** Lets go what rules hold on its connections. */
  letGo(): void;
  /** Ends every connection; then the port is free. */
  close(): Promise<void>;
}

export interface WireProxyOptions {
  readonly host: string;
  readonly port: number;
  /** The process that it is for: `scheduler-1`. */
  readonly process?: string;
  /** Reads the columns of the database's tables (`CATALOGUE`), so that the rows of answers have keys. */
  readonly columns?: () => Promise<readonly CataloguedColumn[]>;
}

/**
 * Stands between one process and PostgreSQL, and can break what is between them. Without rules bytes go through as they
 * came.
 */
export async function openWireProxy({ host, port, process = '', columns }: WireProxyOptions): Promise<WireProxy> {
  await loadParser();
  const rules = new RuleBook();
  const catalogue = new Catalogue(columns ?? (async () => []));

  const connections = new Set<WireConnection>();
  const server = createServer({ noDelay: true }, (client) => {
    const connection = new WireConnection(client, connect({ host, port, noDelay: true }), {
      rules,
      process,
      catalogue,
    });
    connections.add(connection);
    void connection.closed.then(() => connections.delete(connection));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  const reset = (which: (connection: WireConnection) => boolean) => {
    const chosen = [...connections].filter(which);
    for (const connection of chosen) connection.reset();
    return chosen.length;
  };
  const resetAll = () => reset(() => true);
  return {
    port: address.port,
    get connections() {
      return connections.size;
    },
    add: (rule, onHit = () => undefined) => {
      const active = new ActiveRule(withoutMemory(rule), onHit);
      rules.add(active);
      if (rules.isWatching) catalogue.begin();
      return {
        get hits() {
          return active.hits;
        },
        remove: () => {
          rules.remove(active);
          for (const connection of connections) connection.release(active);
        },
      };
    },
    watch: async (onStatement) => {
      rules.isWatching = true;
      rules.listeners.add(onStatement);
      await catalogue.load();
      return { unwatch: () => void rules.listeners.delete(onStatement) };
    },
    letGo: () => {
      for (const connection of connections) connection.letGo();
    },
    resetAll,
    resetIdle: () => reset(({ idle }) => idle),
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      resetAll();
      await Promise.all([closed, ...[...connections].map((connection) => connection.closed)]);
    },
  };
}
