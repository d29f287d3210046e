import { strings } from './frames.ts';

/** The messages that `statement` needs of what a client sends. */
export const CLIENT_TYPES = 'QPBEC';
/** And that which ends what the server carries out together. */
export const SYNC = 'S';
/** That asks which columns an answer will have. */
export const DESCRIBE = 'D';

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

/** A statement of the extended protocol, as it was prepared. */
export interface Prepared {
  readonly text: string;
  /** Types of its parameters by their OIDs, as far as the client or the server has named them. */
  types: readonly number[];
  /** The server's RowDescription, once it was asked for. */
  columns: Buffer | undefined;
}

/** A prepared statement with the Bind message that gave it its parameters. */
export interface Bound {
  readonly prepared: Prepared;
  readonly bind: Buffer;
}

/** The prepared statements of one connection: in the extended protocol, text and execution are separate messages. */
export class Conversation {
  readonly #prepared = new Map<string, Prepared>();
  readonly #portals = new Map<string, Bound>();
  #executed: Bound | undefined;

  /** The statement that this message makes the server run, if it makes it run one. */
  statement(type: string, body: Buffer): string | undefined {
    this.#executed = undefined;
    switch (type) {
      case 'Q':
        return strings(body, 1)[0];
      case 'P': {
        const [name = '', text = ''] = strings(body, 2);
        this.#prepared.set(name, { text, types: typesIn(body), columns: undefined });
        return undefined;
      }
      case 'B': {
        const [portal = '', name = ''] = strings(body, 2);
        const prepared = this.#prepared.get(name);
        if (prepared) this.#portals.set(portal, { prepared, bind: body });
        return undefined;
      }
      case 'E': {
        const [portal = ''] = strings(body, 1);
        this.#executed = this.#portals.get(portal);
        // Another Execute fetches more rows of the same statement.
        this.#portals.delete(portal);
        return this.#executed?.prepared.text;
      }
      case 'C':
        this.#close(body);
        return undefined;
      default:
        throw new Error(`unexpected message ${type}`);
    }
  }

  /** What the last Execute runs; undefined after another message. */
  get executed(): Bound | undefined {
    return this.#executed;
  }

  /** What a Describe asks about. */
  described(body: Buffer): { readonly prepared: Prepared | undefined; readonly isPortal: boolean } {
    const [name = ''] = strings(body, 1, 1);
    const isPortal = body[0] === 'P'.charCodeAt(0);
    return { isPortal, prepared: isPortal ? this.#portals.get(name)?.prepared : this.#prepared.get(name) };
  }

  #close(body: Buffer): void {
    const [name = ''] = strings(body, 1, 1);
    if (body[0] === 'S'.charCodeAt(0)) this.#prepared.delete(name);
    else this.#portals.delete(name);
  }
}

/** The parameter types that a Parse message names: 0 for those that the server is to infer. */
function typesIn(parse: Buffer): number[] {
  const at = parse.indexOf(0, parse.indexOf(0) + 1) + 1;
  return Array.from({ length: parse.readInt16BE(at) }, (_, i) => parse.readInt32BE(at + 2 + 4 * i));
}
