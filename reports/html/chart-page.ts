import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import type { PageScript } from './html.ts';

let found: PageScript | null | undefined;

/**
 * What a page needs so that its charts are drawn: uPlot and our own script, in one, so that one hash allows both. Null
 * where uPlot is not installed: a report is worth more than its charts, and its tables say the same.
 */
export function chartScript(): PageScript | null {
  found ??= read();
  return found;
}

function read(): PageScript | null {
  const { resolve } = createRequire(import.meta.url);
  let library: string;
  let style: string;
  try {
    library = readFileSync(resolve('uplot/dist/uPlot.iife.min.js'), 'utf8');
    style = readFileSync(resolve('uplot/dist/uPlot.min.css'), 'utf8');
  } catch {
    return null; // An installation of before the charts were drawn by it.
  }
  const own = readFileSync(new URL('chart-script.mjs', import.meta.url), 'utf8');
  const code = `/* uPlot: MIT licence, © Leon Sorokin */\n${library}\n{\n${own}}\n`;
  return { code, style, hash: createHash('sha256').update(code).digest('base64') };
}
