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
  /** Whatever is sent, either way, arrives so much later. */
  | { readonly do: 'latency'; readonly ms: number };

interface Sparing {
  /** How many hits there may be; without it, every match is one. */
  readonly most?: number;
  /** Asked for each match, to decide whether it is a hit. */
  readonly isHit?: () => boolean;
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
  /** Resets every connection and says how many those were. */
  resetAll(): number;
  /** The same for connections without a transaction and without a statement under way, such as those of a pool. */
  resetIdle(): number;
}
