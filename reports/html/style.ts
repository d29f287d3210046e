import { readFileSync } from 'node:fs';

/** In the order of the page: the last overrides. */
const FILES = ['base.css', 'comparison.css', 'findings.css', 'charts.css', 'screens.css'];

/** The style of every page, in one piece, because a page fetches nothing. */
export function pageStyle(): string {
  return FILES.map((file) => readFileSync(new URL(file, import.meta.url), 'utf8'))
    .join('')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/\s+/g, ' ');
}
