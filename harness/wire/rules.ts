import type { Seen, SeenTimes } from '../model/seen.ts';
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

  /** Whether this match is to be a hit; counts against `most` until `giveBack`. `seen`: what matched. */
  grant(seen: readonly Seen[] = []): boolean {
    const { rule } = this;
    if (!this.live || rule.do === 'latency') return false;
    if (this.#granted >= (rule.most ?? Number.POSITIVE_INFINITY)) return false;
    if (rule.do !== 'hold') {
      if (rule.matches && !seen.some((one) => rule.matches?.(one))) return false;
      if (rule.isHit && !rule.isHit()) return false;
    }
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
  /** Those that hold answers. */
  answerRules: readonly ActiveRule[] = [];
  /** Those that refuse sessions. */
  sessionRules: readonly ActiveRule[] = [];
  latencyMs = 0;
  /** What statements do is to be known from now on: a rule asks for it, or a listener. Stays so. */
  isWatching = false;
  readonly listeners = new Set<(seen: Seen, times: SeenTimes) => void>();
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
    const isOfAnswer = ({ rule }: ActiveRule) => rule.do === 'hold' && rule.at === 'after';
    this.answerRules = rules.filter(isOfAnswer);
    this.statementRules = rules.filter(
      (one) => one.rule.do !== 'latency' && one.rule.do !== 'refuse' && !isOfAnswer(one),
    );
    if (rules.some(({ rule }) => 'matches' in rule)) this.isWatching = true;
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
    case 'hold':
    case 'refuse':
    case 'latency':
      return rule;
    default:
      throw new Error(`unknown rule ${JSON.stringify(rule satisfies never)}`);
  }
}
