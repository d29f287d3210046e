import { excerpt, visible } from './words.ts';

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

  toString(): string {
    return this.#markup;
  }
}

export type Content = Html | string | number | null | readonly Content[];

/** A template whose values are escaped, unless they are themselves made by it. Values stand in text or in quotes. */
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
  if (typeof value === 'string' || typeof value === 'number') return escaped(String(value));
  return value.map(markupOf).join('');
}

function escaped(text: string): string {
  return visible(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
