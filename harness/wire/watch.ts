import type { Condition, RowKey, Seen, SeenAnswer, SeenTimes, StatementKind, Touch } from '../model/seen.ts';
import type { Catalogue } from './catalogue.ts';
import type { Bound, Conversation, Prepared } from './conversation.ts';
import { strings } from './frames.ts';
import { conditionsOf, kindOf } from './sql/kinds.ts';
import { type StatementText, statementsOf } from './sql/literals.ts';
import { touchesOf } from './touches.ts';
import { describedTypes, keyColumnsOf, keysIn, parametersOf, resultFormats } from './values.ts';

/**
 * What the eye needs of the server's messages besides those that rules need: ParameterDescription, RowDescription,
 * NoData, DataRow, EmptyQueryResponse, PortalSuspended, CopyInResponse.
 */
export const WATCHED_TYPES = 'tTnDIsG';
const IDLE = 'I'.charCodeAt(0);

/** Who a connection is of. */
export interface Origin {
  readonly process: string;
  readonly pid: number;
  readonly application: string;
}

interface Sent extends Pick<Seen, 'message' | 'packet' | 'tx' | 'place' | 'before'> {
  readonly bound: Bound | undefined;
}

/** One statement on its way. */
export class SeenStatement implements Seen {
  readonly process: string;
  readonly pid: number;
  readonly application: string;
  readonly message: string;
  readonly packet: number;
  readonly tx: number;
  readonly place: number;
  readonly bound: Bound | undefined;
  answer: SeenAnswer | undefined;
  readonly #statement: StatementText;
  readonly #before: readonly Seen[];
  readonly #beforeCount: number;
  #conditions: readonly Condition[] | undefined;
  #kind: StatementKind | undefined;

  constructor({ process, pid, application }: Origin, statement: StatementText, sent: Sent) {
    const { message, packet, tx, place, before, bound } = sent;
    this.process = process;
    this.pid = pid;
    this.application = application;
    this.message = message;
    this.packet = packet;
    this.tx = tx;
    this.place = place;
    this.bound = bound;
    this.#statement = statement;
    this.#before = before;
    this.#beforeCount = before.length;
  }

  get text(): string {
    return this.#statement.text;
  }

  get before(): readonly Seen[] {
    return this.#before.slice(0, this.#beforeCount);
  }

  get kind(): StatementKind {
    this.#kind ??= kindOf(this.#statement);
    return this.#kind;
  }

  get conditions(): readonly Condition[] {
    this.#conditions ??= conditionsOf(this.#statement, this.bound ? parametersOf(this.bound) : []);
    return this.#conditions;
  }

  get touches(): readonly Touch[] {
    return touchesOf(this.kind, this.conditions, this.answer);
  }
}

interface Described {
  readonly prepared: Prepared | undefined;
  readonly isPortal: boolean;
}

/** What the server carries out together and ends with ReadyForQuery: a Query, or all up to a Sync. */
export class Packet {
  readonly statements: SeenStatement[] = [];
  readonly describes: Described[] = [];
  /** How many statements are answered. */
  answered = 0;
  columns: Buffer | undefined;
  keys: Map<string, RowKey> = new Map();
  sentAt = 0;
  /** The server waits for the client's rows. */
  isCopy = false;
  /** Its answer is passed on as it comes. */
  isPoured = false;
}

/** Follows what passes on one connection, and what its transaction has done. */
export class Watch {
  readonly #origin: () => Origin;
  readonly #conversation: Conversation;
  readonly #catalogue: Catalogue;
  /** Sent and not ended, oldest first. */
  readonly #open: Packet[] = [];
  #sending = new Packet();
  #tx = 0;
  #place = 0;
  /** What the transaction has done; a new array after a rollback to a savepoint, as statements have a part of it. */
  #done: Seen[] = [];
  #savepoints: { readonly name: string; readonly at: number }[] = [];
  #isIdle = true;

  /** `underWay`: how many packets the server has not ended yet. */
  constructor(origin: () => Origin, conversation: Conversation, catalogue: Catalogue, underWay: number) {
    this.#origin = origin;
    this.#conversation = conversation;
    this.#catalogue = catalogue;
    for (let i = 0; i < underWay; i++) this.#open.push(new Packet());
    this.#isIdle = underWay === 0;
  }

  /** The oldest packet that is wholly sent. */
  get underWay(): Packet | undefined {
    return this.#open[0];
  }

  /** What the client is sending. */
  get sending(): Packet {
    return this.#sending;
  }

  /** The statements that a message makes the server run; `text`: all of it. */
  sent(type: string, text: string): readonly SeenStatement[] {
    const bound = type === 'E' ? this.#conversation.executed : undefined;
    const texts = type === 'E' ? [...statementsOf(text).slice(0, 1)] : statementsOf(text);
    const made = texts.map((statement) => {
      const isFirst = this.#isIdle && this.#open.length === 0 && this.#sending.statements.length === 0;
      if (isFirst) {
        this.#tx++;
        this.#place = 0;
      } else this.#place++;
      const [tx, place, packet] = [this.#tx, this.#place, texts.length];
      const sent = { message: text, packet, tx, place, before: this.#done, bound };
      const seen = new SeenStatement(this.#origin(), statement, sent);
      this.#sending.statements.push(seen);
      return seen;
    });
    return made;
  }

  describe(body: Buffer): void {
    this.#sending.describes.push(this.#conversation.described(body));
  }

  /** The client's Query or Sync has passed, or one of ours. */
  batchSent(now: number): Packet {
    const packet = this.#sending;
    packet.sentAt ||= now;
    this.#open.push(packet);
    this.#sending = new Packet();
    return packet;
  }

  /** A message of the server other than ReadyForQuery; `sqlstate`: of its error, where the client gets another. */
  received(type: string, body: Buffer, sqlstate?: string): void {
    const packet = this.#open[0] ?? this.#sending;
    switch (type) {
      case 't': {
        const prepared = packet.describes[0]?.prepared;
        if (prepared) prepared.types = describedTypes(body);
        return;
      }
      case 'n':
        packet.describes.shift();
        return;
      case 'T': {
        const described = packet.describes.shift();
        if (described?.prepared) described.prepared.columns = body;
        else packet.columns = body;
        return;
      }
      case 'D':
        this.#row(packet, body);
        return;
      case 'E':
        packet.describes.length = 0;
        this.#answered(packet, { sqlstate: sqlstate ?? sqlstateOf(body) ?? '' });
        return;
      case 'G':
        packet.isCopy = true;
        return;
      case 'I':
      case 's':
        this.#answered(packet, {});
        return;
      case 'C': {
        const [tag = ''] = strings(body, 1);
        const count = /^(?:SELECT|INSERT \d+|UPDATE|DELETE|MERGE|FETCH|MOVE|COPY) (\d+)$/.exec(tag)?.[1];
        this.#answered(packet, count === undefined ? {} : { rows: Number(count) });
        return;
      }
      default:
    }
  }

  /** ReadyForQuery, with its status. Returns what it ends. */
  ready(status: number | undefined): Packet | undefined {
    const packet = this.#open.shift();
    this.#isIdle = status === IDLE;
    if (this.#isIdle) {
      this.#done = [];
      this.#savepoints = [];
    }
    return packet;
  }

  /** The connection is gone: what was sent as a whole and not ended. */
  drain(): readonly Packet[] {
    return this.#open.splice(0);
  }

  #row(packet: Packet, body: Buffer): void {
    const statement = packet.statements[packet.answered];
    const description = statement?.bound ? statement.bound.prepared.columns : packet.columns;
    const columns = description && keyColumnsOf(description, this.#catalogue);
    if (!columns || columns.length === 0) return;
    const formats = statement?.bound ? resultFormats(statement.bound) : [];
    for (const key of keysIn(body, columns, formats))
      packet.keys.set(`${key.relation} ${Object.values(key.columns).join(' ')}`, key);
  }

  #answered(packet: Packet, answer: Omit<SeenAnswer, 'keys'>): void {
    const statement = packet.statements[packet.answered++];
    const keys = [...packet.keys.values()];
    packet.keys.clear();
    packet.columns = undefined;
    if (!statement) return;
    statement.answer = { ...answer, keys };
    if (answer.sqlstate === undefined) this.#note(statement);
  }

  #note(statement: SeenStatement): void {
    const { verb, savepoint = '' } = statement.kind;
    switch (verb) {
      case 'begin':
      case 'commit':
      case 'rollback':
        return;
      case 'savepoint':
        this.#savepoints.push({ name: savepoint, at: this.#done.length });
        return;
      case 'rollback to': {
        const place = this.#savepoints.findLastIndex(({ name }) => name === savepoint);
        if (place < 0) return;
        this.#done = this.#done.slice(0, this.#savepoints[place]?.at);
        this.#savepoints.length = place + 1;
        return;
      }
      case 'release':
        this.#savepoints = this.#savepoints.filter(({ name }) => name !== savepoint);
        return;
      default:
        this.#done.push(statement);
    }
  }
}

/** The code in an ErrorResponse: fields of a letter and a text that a zero byte ends. */
function sqlstateOf(body: Buffer): string | undefined {
  return /(?:^|\0)C(\w{5})\0/.exec(body.toString('latin1'))?.[1];
}

/** When it was sent and answered; `answered` undefined: never. */
export function timesOf({ sentAt }: Packet, answered: number | undefined): SeenTimes {
  return { sent: sentAt, answered };
}
