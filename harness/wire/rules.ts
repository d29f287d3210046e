import type { WireHit, WireRule } from '../model/wire.ts';

/** Names every column of a table of Airflow's, and the row at the end. */
const STATEMENT_CHARACTERS = 16_000;

/** A rule while it is in force. */
export class ActiveRule {
  readonly rule: WireRule;
  /** Counted later than it is granted: only the server's answer says whether a COMMIT committed. */
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
    const { most = Number.POSITIVE_INFINITY, isHit } = this.rule;
    if (this.#granted >= most || (isHit && !isHit())) return false;
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
  /** Those that match statements. */
  statementRules: readonly ActiveRule[] = [];
  /** Those that refuse sessions. */
  sessionRules: readonly ActiveRule[] = [];
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
    this.statementRules = rules.filter(({ rule }) => rule.do !== 'latency' && rule.do !== 'refuse');
    this.sessionRules = rules.filter(({ rule }) => rule.do === 'refuse');
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
    case 'answer':
      return { ...rule, statement: plain(rule.statement), ...(rule.having ? { having: plain(rule.having) } : {}) };
    case 'refuse':
    case 'latency':
      return rule;
    default:
      throw new Error(`unknown rule ${JSON.stringify(rule satisfies never)}`);
  }
}
