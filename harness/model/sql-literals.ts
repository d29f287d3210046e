/**
 * What is no word of a statement, as parts of a pattern: comments; texts as `E'…'`, `'…'` and `$tag$…$tag$`; names in
 * quotes; and numbers that are no part of a name or a parameter. The last one may lack its end, because PostgreSQL cuts
 * long statements in its messages.
 */
const LITERALS: readonly RegExp[] = [
  /\/\*[\s\S]*?(?:\*\/|$)/,
  /--[^\n]*/,
  /\b[eE]'(?:[^'\\]|\\[\s\S]|'')*(?:'|$)/,
  /'(?:[^']|'')*(?:'|$)/,
  /\$((?:[A-Za-z_]\w*)?)\$[\s\S]*?(?:\$\1\$|$)/,
  /"(?:[^"]|"")*(?:"|$)/,
  /(?<![\w.$])-?\d[\w.]*/,
];

/** Finds each of them, and of `more`, which have no groups. */
export function literalPattern(...more: readonly RegExp[]): RegExp {
  return new RegExp([...LITERALS, ...more].map(({ source }) => source).join('|'), 'g');
}
