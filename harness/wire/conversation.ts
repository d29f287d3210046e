import { strings } from './frames.ts';

/** The messages that `statement` needs of what a client sends. */
export const CLIENT_TYPES = 'QPBEC';
/** And that which ends what the server carries out together. */
export const SYNC = 'S';

/** A transaction's end as a statement of its own, which is how psycopg2, asyncpg and node-postgres all send it. */
const COMMIT = /^\s*(commit|end)(\s+(work|transaction))?\s*;?\s*$/i;

export function isCommit(statement: string): boolean {
  return COMMIT.test(statement);
}

const ROLLBACK = /^\s*(rollback|abort)\b/i;

/** Whether PostgreSQL can fail to carry out this statement. */
export function canFail(statement: string): boolean {
  return !ROLLBACK.test(statement);
}

/** The prepared statements of one connection: in the extended protocol, text and execution are separate messages. */
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
        // Another Execute fetches more rows of the same statement.
        this.#portals.delete(portal);
        return text;
      }
      case 'C':
        this.#close(body);
        return undefined;
      default:
        throw new Error(`unexpected message ${type}`);
    }
  }

  #close(body: Buffer): void {
    const [name = ''] = strings(body, 1, 1);
    if (body[0] === 'S'.charCodeAt(0)) this.#prepared.delete(name);
    else this.#portals.delete(name);
  }
}
