import { readFileSync } from 'node:fs';
import type { Verdict } from '../../harness/model/verdict.ts';
import { GLYPH } from '../words.ts';
import { type Content, Html, html, type PageScript } from './html.ts';

/** The pieces that the report of a run and that of a comparison are made of. */

/**
 * The policy is a second lock: should markup ever slip through, the page can still neither fetch anything nor run any
 * script but the one that it names by hash.
 */
function policy(script: PageScript | null): string {
  const scripts = script === null ? '' : `; script-src 'sha256-${script.hash}'`;
  return `default-src 'none'; style-src 'unsafe-inline'; img-src data:${scripts}`;
}

export function page(title: string, body: Content, script: PageScript | null = null): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy(script)}">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>${title}</title>
${Html.ofStyle(pageStyle())}
${script === null ? null : Html.ofStyle(script.style)}
</head>
<body>
${body}
${script === null ? null : Html.ofScript(script)}
</body>
</html>
`.toString();
}

export function badge(verdict: Verdict): Html {
  return html`<span class="badge ${verdict}"><span aria-hidden="true">${GLYPH[verdict]}</span> ${verdict}</span>`;
}

export function section(id: string, title: string, body: Content, note = ''): Html {
  return html`<section aria-labelledby="${id}">
<h2 id="${id}">${title}</h2>
${note === '' ? null : html`<p class="note">${note}</p>`}
${body}
</section>
`;
}

export interface Column {
  readonly title: string;
  readonly numeric?: boolean;
  /** As narrow as its words allow: verdicts beside prose. */
  readonly narrow?: boolean;
}

export interface TableOptions {
  /** Rows of prose: on a narrow screen each becomes a block of its own instead of a row to scroll. */
  readonly prose?: boolean;
}

/**
 * A table that scrolls by itself on a narrow screen: a region with a name, so that a keyboard reaches it. The roles
 * are said aloud because a style that turns rows into blocks takes them away.
 */
export function table(
  label: string,
  columns: readonly Column[],
  rows: readonly (readonly Content[])[],
  { prose = false }: TableOptions = {},
): Html {
  const kind = (index: number) => (columns[index]?.numeric ? 'number' : columns[index]?.narrow ? 'narrow' : 'text');
  const head = columns.map(
    ({ title }, index) => html`<th role="columnheader" scope="col" class="${kind(index)}">${title}</th>`,
  );
  const body = rows.map((cells) => {
    const shown = cells.map((cell, index) => html`<td role="cell" class="${kind(index)}">${cell}</td>`);
    return html`<tr role="row">${shown}</tr>\n`;
  });
  return html`<div class="scroll" role="region" aria-label="${label}" tabindex="0">
<table role="table" class="${prose ? 'prose' : 'data'}">
<thead role="rowgroup"><tr role="row">${head}</tr></thead>
<tbody role="rowgroup">
${body}</tbody></table></div>
`;
}

export function facts(pairs: readonly (readonly [string, Content])[], style: 'numbers' | 'list'): Html {
  const shown = pairs.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`);
  return html`<dl class="${style}">${shown}</dl>`;
}

export function command(text: string): Html {
  return html`<pre class="command" tabindex="0"><code>${text}</code></pre>`;
}

/** In the order of the page: the last overrides. */
const FILES = ['base.css', 'comparison.css', 'findings.css', 'charts.css', 'trend.css', 'screens.css'];

/** The style of every page, in one piece, because a page fetches nothing. */
export function pageStyle(): string {
  return FILES.map((file) => readFileSync(new URL(file, import.meta.url), 'utf8'))
    .join('')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/\s+/g, ' ');
}
