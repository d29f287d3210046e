import { strings } from './frames.ts';

/** What must be looked at on the way to the server; see `statement`. */
export const CLIENT_TYPES = 'QPBEC';

/** A transaction's end as a statement of its own, which is how psycopg2, asyncpg and node-postgres all send it. */
const COMMIT = /^\s*(commit|end)(\s+(work|transaction))?\s*;?\s*$/i;

export function isCommit(statement: string): boolean {
  return COMMIT.test(statement);
}

/** What one connection has prepared: in the extended protocol, text and execution come apart. */
export class Conversation {
  readonly #prepared = new Map<string, string>();
  readonly #portals = new Map<string, string>();

  /** The statement that this message makes the server run, if it makes it run one. */
  statement(type: string, body: Buffer): string | undefined {
    switch (type) {
      case 'Q':
        return strings(body, 1)[0];
      case 'P': {
        const [name = '', text = ''] = strings(body, 2);
        this.#prepared.set(name, text);
        return undefined;
      }
      case 'B': {
        const [portal = '', name = ''] = strings(body, 2);
        this.#portals.set(portal, this.#prepared.get(name) ?? '');
        return undefined;
      }
      case 'E': {
        const [portal = ''] = strings(body, 1);
        const text = this.#portals.get(portal);
        // Asked for more rows, a portal runs on: it is not a statement of its own.
        this.#portals.delete(portal);
        return text;
      }
      case 'C':
        this.#close(body);
        return undefined;
      default:
        throw new Error(`a message ${type} is not looked at`);
    }
  }

  #close(body: Buffer): void {
    const [name = ''] = strings(body, 1, 1);
    if (body[0] === 'S'.charCodeAt(0)) this.#prepared.delete(name);
    else this.#portals.delete(name);
  }
}
