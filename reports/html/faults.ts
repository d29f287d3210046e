import type { Judgement } from '../../harness/model/verdict.ts';
import { faultTable, type PhaseWord } from '../fault-words.ts';
import { type Content, cut, type Html, html } from './html.ts';
import { section, table } from './page.ts';

/** The effect of each fault on the load: before it opened, while it was open, after it closed. */
export function faultsSection({ faults }: Judgement): Html | null {
  if (faults.length === 0) return null;
  const { head, rows, note } = faultTable(faults);
  const columns = head.map((title, index) => ({ title, numeric: index > 0 }));
  const cells = rows.map(({ name, victim, about, cells }) => [
    html`<strong>${cut(name, 60)}</strong> ${cut(victim, 60)}<small>${cut(about, 120)}</small>`,
    ...cells.map((cell) => (typeof cell === 'string' ? cell : change(cell))),
  ]);
  const shown = html`<div class="effects">${table('Faults', columns, cells)}</div>`;
  return section('faults', 'Effects of the faults', shown, note);
}

function change(words: readonly PhaseWord[]): Content[] {
  return words.map(({ text, worse }, index) => [index === 0 ? '' : ' → ', worse ? html`<b>${text}</b>` : text]);
}
