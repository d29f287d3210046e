import type { HoldRule, WireRule } from '../model/wire.ts';
import type { Answers } from './answers.ts';
import { canFail, isCommit } from './conversation.ts';
import { strings } from './frames.ts';
import type { ActiveRule, RuleBook } from './rules.ts';
import type { SeenStatement } from './watch.ts';

type CommitRule = Extract<WireRule, { do: 'lose-commit' | 'lose-commit-answer' }>;
export type AnswerRule = Extract<WireRule, { do: 'answer' }>;

/** What happens to a statement before it is passed on, and whether it is. */
export type Treatment =
  | 'reset'
  | {
      readonly holdMs: number;
      readonly answer?: { readonly active: ActiveRule; readonly rule: AnswerRule };
      readonly held?: HeldBy;
    };

export interface HeldBy {
  readonly active: ActiveRule;
  readonly rule: HoldRule;
  readonly seen: SeenStatement;
}

export const PASS: Treatment = { holdMs: 0 };

/** Asks the rules what to do with the statements of one connection. */
export class Treatments {
  readonly #rules: RuleBook;
  readonly #answers: Answers;
  readonly #report: (rule: ActiveRule, statement: string) => void;
  /** What matched a rule's `having` in the transaction that is open. */
  readonly #touched = new Map<ActiveRule, string>();
  /** A COMMIT under way; its answer will be lost. */
  #toLose: { readonly rule: ActiveRule; readonly statement: string } | undefined;

  constructor(rules: RuleBook, answers: Answers, report: (rule: ActiveRule, statement: string) => void) {
    this.#rules = rules;
    this.#answers = answers;
    this.#report = report;
  }

  /** Asks every rule, in their order, and counts what it grants. */
  treat(statement: string, seen: readonly SeenStatement[]): Treatment {
    if (this.#rules.statementRules.length === 0) return PASS;
    let holdMs = 0;
    let answer: Exclude<Treatment, 'reset'>['answer'];
    let held: HeldBy | undefined;
    const commit = isCommit(statement);
    for (const active of this.#rules.statementRules) {
      const { rule } = active;
      switch (rule.do) {
        case 'delay':
        case 'cut':
          if (!rule.statement.test(statement) || !active.grant(seen)) break;
          this.#report(active, statement);
          if (rule.do === 'cut') return 'reset';
          holdMs += rule.ms;
          break;
        case 'lose-commit':
        case 'lose-commit-answer':
          if (!commit && rule.having?.test(statement)) this.#touched.set(active, statement);
          if (commit && this.#treatCommit(active, rule, statement, seen) === 'reset') return 'reset';
          break;
        case 'answer':
          if (!answer && this.#isToAnswer(active, rule, statement) && active.grant(seen)) answer = { active, rule };
          if (!commit && rule.having?.test(statement)) this.#touched.set(active, statement);
          break;
        case 'hold':
          held ??= this.#heldBy(active, rule, seen);
          break;
        case 'refuse':
        case 'latency':
          break;
        default:
          throw new Error(`unknown rule ${JSON.stringify(rule satisfies never)}`);
      }
    }
    return { holdMs, ...(answer ? { answer } : {}), ...(held ? { held } : {}) };
  }

  /** The rule that holds an answer, which is whole now. */
  ofAnswer(seen: readonly SeenStatement[]): HeldBy | undefined {
    for (const active of this.#rules.answerRules) {
      const held = active.rule.do === 'hold' ? this.#heldBy(active, active.rule, seen) : undefined;
      if (held) return held;
    }
    return undefined;
  }

  /** What is held by one rule is not held by another: two that match hold one statement each. */
  #heldBy(active: ActiveRule, rule: HoldRule, seen: readonly SeenStatement[]): HeldBy | undefined {
    const first = seen.find((one) => rule.matches(one));
    if (!first || !active.grant()) return undefined;
    this.#report(active, first.text);
    return { active, rule, seen: first };
  }

  /** What matched `having`, where that is what the rule is about. */
  subjectOf(active: ActiveRule, statement: string): string {
    return this.#touched.get(active) ?? statement;
  }

  /** Whether this CommandComplete answers the COMMIT of `#toLose`; the answer of a failed COMMIT says ROLLBACK. */
  isLost(body: Buffer): boolean {
    if (!this.#toLose?.rule.live || strings(body, 1)[0] !== 'COMMIT') return false;
    this.#report(this.#toLose.rule, this.#toLose.statement);
    this.#toLose = undefined;
    return true;
  }

  forgetLost(): void {
    this.#toLose?.rule.giveBack();
    this.#toLose = undefined;
  }

  transactionEnds(): void {
    this.#touched.clear();
  }

  #isToAnswer(active: ActiveRule, { statement, having }: AnswerRule, sent: string): boolean {
    if (!statement.test(sent) || (having && !this.#touched.has(active))) return false;
    return isCommit(sent) ? this.#answers.canCommitFail : canFail(sent);
  }

  #treatCommit(
    active: ActiveRule,
    rule: CommitRule,
    commit: string,
    seen: readonly SeenStatement[],
  ): 'reset' | undefined {
    const statement = rule.having ? this.#touched.get(active) : commit;
    if (statement === undefined) return undefined;
    if (rule.do === 'lose-commit') {
      if (!active.grant(seen)) return undefined;
      this.#report(active, statement);
      return 'reset';
    }
    // Reported when the answer comes: only that says that there was something to commit.
    if (!this.#toLose && active.grant(seen)) this.#toLose = { rule: active, statement };
    return undefined;
  }
}
