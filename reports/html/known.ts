import type { KnownResult, KnownStatus } from '../../harness/model/known.ts';
import type { Verdict } from '../../harness/model/verdict.ts';
import { knownRows, knownSentence } from '../known.ts';
import { cut, type Html, html } from './html.ts';
import { badge, section, table } from './page.ts';

/** What of it is new, below the verdict on the build; null without known findings. */
export function knownWhy(known: KnownResult | undefined): Html | null {
  if (known === undefined) return null;
  return html`<p>${badge(known.verdict)} ${cut(knownSentence(known), 1200)}</p>`;
}

/** Every finding of the run and of the file. */
export function knownTable(known: KnownResult | undefined): Html | null {
  if (known === undefined || known.findings.length === 0) return null;
  const rows = knownRows(known).map(({ one, what }) => [
    html`<span class="badge ${TONE[one.status]}">${one.status}</span>`,
    html`<strong>${one.in_run.map((id) => html`<a href="#${id}">${id}</a> `)}${cut(what, 400)}</strong>
<small>${cut(one.sentence, 400)}</small>`,
    one.since ?? '–',
  ]);
  const columns = [{ title: 'status', narrow: true }, { title: 'finding' }, { title: 'known since', narrow: true }];
  return section('known', 'Known findings', table('Known findings', columns, rows, { prose: true }));
}

const TONE: Readonly<Record<KnownStatus, Verdict | 'plain'>> = {
  new: 'fail',
  worse: 'fail',
  'still there': 'plain',
  gone: 'pass',
  'not seen': 'plain',
  'not exercised': 'unknown',
};
