import { didYouMean } from '../model/closest.ts';

/** What is wrong with a sentence, and where in it. */
export class SentenceProblem extends Error {
  readonly offset: number;

  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}

interface Word {
  readonly text: string;
  readonly offset: number;
}

/** The words of one sentence, taken one after another. */
export class Words {
  readonly #words: readonly Word[];
  readonly #end: number;
  #at = 0;

  constructor(text: string) {
    this.#words = [...text.matchAll(/[&:(),]|[^\s&:(),]+/g)].map((match) => ({
      text: match[0],
      offset: match.index,
    }));
    this.#end = text.length;
  }

  get next(): string | undefined {
    return this.#words[this.#at]?.text;
  }

  get offset(): number {
    return this.#words[this.#at]?.offset ?? this.#end;
  }

  /** The next words, if they are these. */
  accept(words: string): boolean {
    const wanted = words.split(' ');
    if (!wanted.every((word, i) => this.#words[this.#at + i]?.text === word)) return false;
    this.#at += wanted.length;
    return true;
  }

  expect(words: string): void {
    if (!this.accept(words)) throw this.unknown([words]);
  }

  /** One of these; of two that fit the longer. */
  choose<Choice extends string>(known: readonly Choice[], what?: string): Choice {
    const longestFirst = [...known].sort((a, b) => b.length - a.length);
    const chosen = longestFirst.find((words) => this.accept(words));
    if (chosen === undefined) throw this.unknown(known, what);
    return chosen;
  }

  any(what: string): string {
    const { next } = this;
    if (next === undefined || /^[&:(),]$/.test(next)) throw this.problem(`${what} is missing`);
    this.#at++;
    return next;
  }

  problem(message: string): SentenceProblem {
    return new SentenceProblem(this.offset, message);
  }

  unknown(known: readonly string[], what = 'word'): SentenceProblem {
    const { next } = this;
    const here = known.length === 0 ? '' : `; known here: ${known.join(', ')}`;
    if (next === undefined) return this.problem(`the sentence ends too early${here}`);
    return this.problem(`"${next}" is no ${what} that fits here${didYouMean(next, known)}${here}`);
  }
}
