import type { Held, Seen, SeenTimes } from './seen.ts';

/** As whom the processes of a traced run use the database: by that their statements are counted apart from ours. */
export const TRACED_ROLE = 'airflow_traced';

/** What happens to the traffic between one process and PostgreSQL. */
export type WireRule =
  /** Statements that match reach the server so much later; what the connection sends after them waits behind them. */
  | ({ readonly do: 'delay'; readonly statement: RegExp; readonly ms: number } & Sparing)
  /** The connection is reset instead of a matching statement being sent; its open transaction rolls back. */
  | ({ readonly do: 'cut'; readonly statement: RegExp } & Sparing)
  /** The connection is reset just before a COMMIT would be sent: it never happened. */
  | ({ readonly do: 'lose-commit' } & OfTransaction & Sparing)
  /**
   * The COMMIT is sent and done; then the connection is reset without the answer: it happened, and the client cannot
   * know.
   */
  | ({ readonly do: 'lose-commit-answer' } & OfTransaction & Sparing)
  /**
   * A matching statement does not reach the server. Its client is answered with this error, and the server aborts the
   * transaction as after an error of its own; of a COMMIT, the transaction has then rolled back.
   */
  | ({ readonly do: 'answer'; readonly statement: RegExp; readonly error: WireError } & OfTransaction & Sparing)
  /** New sessions are refused with this error. */
  | ({ readonly do: 'refuse'; readonly error: WireError } & Sparing)
  /**
   * The connection of a matching statement waits until it is let go: before the statement is sent, or when it has been
   * carried out, with the whole answer. Then `matches` knows its rows; until it has said no, or where the answer has
   * more than 16 MB, the client waits for the answer.
   */
  | HoldRule
  /** Whatever is sent, either way, arrives so much later. */
  | { readonly do: 'latency'; readonly ms: number };

export interface HoldRule {
  readonly do: 'hold';
  readonly at: 'before' | 'after';
  /** Asked for each statement of a message; one that matches holds all of them. */
  matches(seen: Seen): boolean;
  /** How many may be held, one after the other or at a time. */
  readonly most: number;
  /** Let go by itself after so long; absent: 4 s, which no process of a stack gives up in. */
  readonly deadlineMs?: number;
  /** Called when the connection is held. May release it. */
  onHeld(held: Held): void;
}

interface Sparing {
  /** How many hits there may be; without it, every match is one. */
  readonly most?: number;
  /** Asked for each match, to decide whether it is a hit. */
  readonly isHit?: () => boolean;
  /** The same by what the statement does, as a `hold` asks. */
  readonly matches?: (seen: Seen) => boolean;
}

/** Of BEGIN … COMMIT, that is: a statement outside a transaction has no COMMIT of its own, and is left alone. */
interface OfTransaction {
  /** Only transactions in which a statement matched, from when the rule was added. */
  readonly having?: RegExp;
}

/** An error as PostgreSQL sends it. */
export interface WireError {
  readonly sqlstate: string;
  readonly message: string;
  readonly detail: string;
}

/** One thing that a rule did, reported while it happens. */
export interface WireHit {
  /** The server process that serves the connection, as in `pg_stat_activity`; 0 before the server has named it. */
  readonly pid: number;
  /** `application_name` as the client gave it when it connected; empty if it gave none. */
  readonly application: string;
  /**
   * What matched, cut to 16,000 characters; for a COMMIT what matched `having`, else the COMMIT itself; for a session
   * that was refused nothing.
   */
  readonly statement: string;
}

export interface WireRuleHandle {
  readonly hits: number;
  /** Ends the rule and lets go of what is held back at the moment, by this rule or another. May be called twice. */
  remove(): void;
}

/** The connections of one process to PostgreSQL, where something of ours stands between the two: what can be broken. */
export interface Wire {
  /** Connections that are open at the moment. */
  readonly connections: number;
  /** `onHit` is called while a hit happens: its time is now. */
  add(rule: WireRule, onHit?: (hit: WireHit) => void): WireRuleHandle;
  /**
   * Shows each statement once it is answered, or its connection has gone, until `unwatch` is called. Resolves when the
   * columns of answers are known by name, so that keys are read; the first `hold` begins it, too, without waiting.
   */
  watch(onStatement: (seen: Seen, times: SeenTimes) => void): Promise<{ unwatch(): void }>;
  /** Resets every connection and says how many those were. */
  resetAll(): number;
  /** The same for connections without a transaction and without a statement under way, such as those of a pool. */
  resetIdle(): number;
}
