import { escaped, excerpt, LIMITS } from '../words.ts';

/** The pieces that Markdown documents are made of. */

export function document(blocks: readonly string[]): string {
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`;
}

export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** A fence longer than any run of backticks inside, so that nothing can close it. */
export function code(text: string, language = ''): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = '`'.repeat(longest + 1);
  const shown = text.split('\n').map((line) => excerpt(line, 4000));
  return `${fence}${language}\n${shown.join('\n')}\n${fence}`;
}

/** Text of a run: nothing that Markdown, its tables and its HTML would read as markup, and no mention of people. */
export function plain(text: string): string {
  return excerpt(text, LIMITS.sentence)
    .replace(/[&<>]/g, escaped)
    .replace(/[\\`*_[\]|~]/g, '\\$&')
    .replace(/^[#+=-]/, '\\$&')
    .replace(/(?<!\w)@/g, '@<!-- -->');
}
