import { serialize } from 'pg-protocol';
import type { WireError } from '../model/wire.ts';

import type { ActiveRule } from './rules.ts';

/**
 * A statement and a portal that no server has: to execute one is an error, after which PostgreSQL itself aborts the
 * transaction, back to a savepoint if the client asks for that, and skips what came with it. In a transaction that has
 * failed already, it answers so instead. Its log names it by this.
 */
const NAME = 'answered by windtunnel';
/** ReadyForQuery's status in a transaction that has not failed, and outside a transaction. */
const IN_TRANSACTION = 'T'.charCodeAt(0);
export const IDLE = 'I'.charCodeAt(0);

interface Pending {
  readonly rule: ActiveRule;
  readonly error: WireError;
  readonly statement: string;
  /** The number of the ReadyForQuery that ends it. */
  readonly ends: number;
  readonly isCommit: boolean;
  answered: boolean;
}

/** What ReadyForQuery leaves of an answer: whether it is passed on, and the rules that did not get to answer. */
interface Ready {
  readonly drop: boolean;
  readonly givenBack: readonly ActiveRule[];
}

/**
 * The answers that one connection gives in place of the server. What follows a COMMIT that is answered is its rollback,
 * which the client did not send and does not see.
 */
export class Answers {
  /** What the client sent and the server ends with ReadyForQuery: first the start-up. */
  #sent = 1;
  #ended = 0;
  #status = 0;
  /** Statements since the last Sync. */
  #statements = 0;
  #pending: Pending[] = [];
  /** A ROLLBACK of ours is under way: its CommandComplete is not passed on. */
  #rollingBack = false;

  /** Nothing is under way, and no transaction is open. */
  get idle(): boolean {
    return this.#sent === this.#ended && this.#statements === 0 && this.#status === IDLE;
  }

  /** How often the server has not yet said that it is ready. */
  get underWay(): number {
    return this.#sent - this.#ended;
  }

  /** A COMMIT can fail only in a transaction that has not failed before: with nothing else under way that is known. */
  get canCommitFail(): boolean {
    return this.#sent === this.#ended && this.#statements === 0 && this.#status === IN_TRANSACTION;
  }

  /** Each statement, before what follows it. */
  passes(): void {
    this.#statements++;
  }

  /** What the server gets in place of the statement. */
  answer(type: string, answered: Pick<Pending, 'rule' | 'error' | 'statement' | 'isCommit'>): Buffer {
    this.#pending.push({ ...answered, ends: this.#sent + 1, answered: false });
    return type === 'Q' ? serialize.query(`EXECUTE "${NAME}"`) : serialize.execute({ portal: NAME });
  }

  /** The client's Query or Sync has passed. Returns what the server must get next. */
  batchSent(): Buffer | undefined {
    this.#sent++;
    this.#statements = 0;
    const ofCommit = this.#pending.some(({ isCommit, ends }) => isCommit && ends === this.#sent);
    if (!ofCommit) return undefined;
    this.#sent++;
    return serialize.query('ROLLBACK');
  }

  /** The answer that the client gets in place of this ErrorResponse, if it is that of an answer of ours. */
  inPlaceOf(error: Buffer): Pending | undefined {
    const next = this.#pending.find(({ answered }) => !answered);
    if (!next || !error.includes(NAME)) return undefined;
    next.answered = true;
    return next;
  }

  /** Whether a CommandComplete is that of our ROLLBACK. */
  get dropsComplete(): boolean {
    return this.#rollingBack;
  }

  ready(status: number | undefined): Ready {
    this.#ended++;
    this.#status = status ?? 0;
    const over = this.#pending.filter(({ ends }) => ends <= this.#ended);
    this.#pending = this.#pending.filter(({ ends }) => ends > this.#ended);
    // What comes next is the answer to our ROLLBACK, and its ReadyForQuery is the client's.
    this.#rollingBack = over.some(({ isCommit }) => isCommit);
    return { drop: this.#rollingBack, givenBack: over.filter(({ answered }) => !answered).map(({ rule }) => rule) };
  }

  /** The connection ends: the rules that did not get to answer. */
  drain(): readonly ActiveRule[] {
    const left = this.#pending.filter(({ answered }) => !answered).map(({ rule }) => rule);
    this.#pending = [];
    return left;
  }
}

/** ErrorResponse as PostgreSQL sends it; a session that it refuses ends with it. */
export function errorResponse({ sqlstate, message, detail }: WireError, severity: 'ERROR' | 'FATAL'): Buffer {
  const fields = [`S${severity}`, `V${severity}`, `C${sqlstate}`, `M${message}`, `D${detail}`];
  const body = Buffer.from(`${fields.map((field) => `${field}\0`).join('')}\0`);
  const head = Buffer.alloc(5);
  head.write('E');
  head.writeInt32BE(4 + body.length, 1);
  return Buffer.concat([head, body]);
}
