/** What happens to the traffic between one process and PostgreSQL. */
export type WireRule =
  /** Statements that match reach the server so much later; what the connection sends after them waits behind them. */
  | ({ readonly do: 'delay'; readonly statement: RegExp; readonly ms: number } & Sparing)
  /** The connection is reset instead of a matching statement being sent; its open transaction rolls back. */
  | ({ readonly do: 'cut'; readonly statement: RegExp } & Sparing)
  /** The connection is reset just before a COMMIT would be sent: it never happened. */
  | ({ readonly do: 'lose-commit' } & OfTransaction & Sparing)
  /** The COMMIT is sent and done; then the connection is reset without the answer: it happened, and nobody knows. */
  | ({ readonly do: 'lose-commit-answer' } & OfTransaction & Sparing)
  /** Whatever is sent, either way, arrives so much later. */
  | { readonly do: 'latency'; readonly ms: number };

interface Sparing {
  /** How many hits there may be; without it, every match is one. */
  readonly most?: number;
  /** Drawn for each match, to decide whether it is a hit: `() => rng.chance(0.1)`. */
  readonly chance?: () => boolean;
}

/** Of BEGIN … COMMIT, that is: a statement outside a transaction has no COMMIT of its own, and is left alone. */
interface OfTransaction {
  /** Only transactions in which a statement matched, from when the rule was added. */
  readonly having?: RegExp;
}

/** One thing that a rule did, told while it happens. */
export interface WireHit {
  /** The server process that serves the connection, as in `pg_stat_activity`; 0 before the server has named it. */
  readonly pid: number;
  /** `application_name` as the client gave it when it connected; empty if it gave none. */
  readonly application: string;
  /** What matched, cut to 240 characters; for a COMMIT what matched `having`, else the COMMIT itself. */
  readonly statement: string;
}

export interface WireRuleHandle {
  readonly hits: number;
  /** Ends the rule and lets go of what is held back at the moment, by this rule or another. May be called twice. */
  remove(): void;
}

const STATEMENT_CHARACTERS = 240;

/** A rule while it is in force. */
export class ActiveRule {
  readonly rule: WireRule;
  /** Told later than it is granted: whether a COMMIT was one is only known from the server's answer. */
  hits = 0;
  live = true;
  readonly #onHit: (hit: WireHit) => void;
  #granted = 0;

  constructor(rule: WireRule, onHit: (hit: WireHit) => void) {
    this.rule = rule;
    this.#onHit = onHit;
  }

  /** Whether this match is to be a hit; counts against `most` until `giveBack`. */
  grant(): boolean {
    if (!this.live || this.rule.do === 'latency') return false;
    const { most = Number.POSITIVE_INFINITY, chance } = this.rule;
    if (this.#granted >= most || (chance && !chance())) return false;
    this.#granted++;
    return true;
  }

  giveBack(): void {
    this.#granted--;
  }

  report(hit: WireHit): void {
    this.hits++;
    this.#onHit({ ...hit, statement: hit.statement.trim().slice(0, STATEMENT_CHARACTERS) });
  }
}

/** The rules of one proxy, in the order in which they were added. */
export class RuleBook {
  /** Those that look at statements. */
  statementRules: readonly ActiveRule[] = [];
  latencyMs = 0;
  #rules: readonly ActiveRule[] = [];

  add(rule: ActiveRule): void {
    this.#change([...this.#rules, rule]);
  }

  remove(rule: ActiveRule): void {
    rule.live = false;
    this.#change(this.#rules.filter((other) => other !== rule));
  }

  #change(rules: readonly ActiveRule[]): void {
    this.#rules = rules;
    this.statementRules = rules.filter(({ rule }) => rule.do !== 'latency');
    this.latencyMs = rules.reduce((sum, { rule }) => sum + (rule.do === 'latency' ? rule.ms : 0), 0);
  }
}

/** A regular expression that remembers where it stopped would miss every second match. */
export function withoutMemory(rule: WireRule): WireRule {
  const plain = (regExp: RegExp) => new RegExp(regExp.source, regExp.flags.replace(/[gy]/g, ''));
  switch (rule.do) {
    case 'delay':
    case 'cut':
      return { ...rule, statement: plain(rule.statement) };
    case 'lose-commit':
    case 'lose-commit-answer':
      return rule.having ? { ...rule, having: plain(rule.having) } : rule;
    case 'latency':
      return rule;
    default:
      throw new Error(`unknown rule ${JSON.stringify(rule satisfies never)}`);
  }
}
