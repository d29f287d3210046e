import { escaped, excerpt, visible } from '../words.ts';

/** A script of ours, and what the page's policy knows it by: no other may run. */
export interface PageScript {
  readonly code: string;
  /** SHA-256 of `code`, in base64. */
  readonly hash: string;
  /** CSS that belongs to it. */
  readonly style: string;
}

/** Markup that may be put into a page as it is. Only `html` makes it, so text from a run cannot become markup. */
export class Html {
  readonly #markup: string;

  private constructor(markup: string) {
    this.#markup = markup;
  }

  static ofTemplate(strings: TemplateStringsArray, values: readonly Content[]): Html {
    let markup = strings[0] ?? '';
    for (const [index, value] of values.entries()) markup += markupOf(value) + (strings[index + 1] ?? '');
    return new Html(markup);
  }

  /** JSON in a script element is data, which nothing runs; no `<` is left in it that could end the element. */
  static ofData(id: 'chart-data', value: unknown): Html {
    const json = JSON.stringify(value).replace(/[<\u2028\u2029]/g, (character) => {
      return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
    });
    return new Html(`<script type="application/json" id="${id}">${json}</script>`);
  }

  /** Our own code, never a text of a run. */
  static ofScript({ code }: PageScript): Html {
    if (/<\/script|<!--/i.test(code)) throw new Error('a script would end its own element');
    return new Html(`<script>${code}</script>`);
  }

  /** Our own CSS, never a text of a run. */
  static ofStyle(style: string): Html {
    if (style.includes('<')) throw new Error('a style would end its own element');
    return new Html(`<style>${style}</style>`);
  }

  toString(): string {
    return this.#markup;
  }
}

export const scriptData = Html.ofData;

export type Content = Html | string | number | null | readonly Content[];

/** A template that escapes its values, unless they are themselves made by it. Values stand in text or in quotes. */
export function html(strings: TemplateStringsArray, ...values: readonly Content[]): Html {
  return Html.ofTemplate(strings, values);
}

/** Long text from a run, cut; what it says and how much was left out. */
export function cut(text: string, characters: number): string {
  return excerpt(text, characters);
}

function markupOf(value: Content): string {
  if (value === null) return '';
  if (value instanceof Html) return value.toString();
  if (typeof value === 'string' || typeof value === 'number') return escaped(visible(String(value)));
  return value.map(markupOf).join('');
}
