import type { AgainstA, ComparisonLane, ComparisonRow } from '../comparison-rows.ts';
import { probability } from '../words.ts';
import { cut, type Html, html } from './html.ts';

const WIDTH = 150;
const HEIGHT = 22;

/** A table with a line for each build and, for each count, one axis that all of them share. */
export function lanesTable(label: string, rows: readonly ComparisonRow[], detect: number): Html {
  const planned = rows.some(({ lanes }) => lanes.some(({ against }) => against?.needed != null));
  const heads = ['', '', '0 to the highest', '', 'difference', 'to A', '95 %', 'p'];
  if (planned) heads.push(`runs for ×\u00a0${detect}`);
  const body = rows.map(
    (row) =>
      html`<tbody role="rowgroup">${row.lanes.map((lane, index) =>
        line(row, lane, index, planned ? detect : null),
      )}</tbody>\n`,
  );
  const head = heads.map((title) => html`<th role="columnheader" scope="col">${title}</th>`);
  return html`<div class="scroll" role="region" aria-label="${label}" tabindex="0">
<table role="table" class="lanes-table">
<thead role="rowgroup"><tr role="row">${head}</tr></thead>
${body}</table></div>
`;
}

function line({ title, lanes }: ComparisonRow, lane: ComparisonLane, index: number, detect: number | null): Html {
  const name =
    index > 0 ? null : html`<th role="rowheader" scope="rowgroup" rowspan="${lanes.length}">${cut(title, 160)}</th>`;
  const { against } = lane;
  const planned = detect !== null;
  const cells =
    against === null
      ? [html`<td role="cell" colspan="${planned ? 5 : 4}"></td>`]
      : [
          html`<td role="cell" class="difference">${difference(against)}</td>`,
          html`<td role="cell" class="number" data-of="to A">${against.ratio}</td>`,
          html`<td role="cell" class="number soft" data-of="95 %">${against.interval}</td>`,
          html`<td role="cell" class="number" data-of="p">${probability(against.p)}</td>`,
          planned
            ? html`<td role="cell" class="number" data-of="runs for × ${detect}">${against.needed ?? ''}</td>`
            : null,
        ];
  return html`<tr role="row">${name}<td role="cell" class="of"><b>${lane.letter}</b>${
    lanes.length > 2 ? html` <span class="soft">${cut(lane.build, 40)}</span>` : null
  }</td>
<td role="cell">${strip(lanes, lane)}</td><td role="cell" class="number">${lane.said}</td>${cells}</tr>
`;
}

function difference({ change, better, sensitivity }: AgainstA): Html {
  if (change === null) return html`<span class="soft">${sensitivity}</span>`;
  const weight = better === 'a' ? 'fail' : better === 'b' ? 'pass' : '';
  return html`<span class="badge ${weight}">${change}</span>`;
}

/** A dot a run, a line from limit to limit, a bar in the middle. */
function strip(lanes: readonly ComparisonLane[], lane: ComparisonLane): Html {
  const most = Math.max(...lanes.flatMap(({ runs, high, middle }) => [...runs, Math.min(high, 3 * middle), middle]));
  // Where nothing was counted the limit alone would set the scale.
  const top = most > 0 ? most : Math.max(...lanes.map(({ high }) => high));
  const x = (value: number) => Number((4 + Math.min(value / (top || 1), 1.02) * (WIDTH - 8)).toFixed(1));
  const y = HEIGHT / 2;
  const dots = lane.runs.map((value) => html`<circle cx="${x(value)}" cy="${y}" r="3"/>`);
  const label = `${lane.letter}: ${lane.said}; ${lane.runs.length === 1 ? 'one run' : `${lane.runs.length} runs`}`;
  return html`<svg class="strip${lane.against === null ? ' base' : ''}" width="${WIDTH}" height="${HEIGHT}"
viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${label}">
<line class="scale" x1="4" x2="${WIDTH - 4}" y1="${y}" y2="${y}"/>
<line class="range" x1="${x(lane.low)}" x2="${x(lane.high)}" y1="${y}" y2="${y}"/>
<line class="middle" x1="${x(lane.middle)}" x2="${x(lane.middle)}" y1="${y - 8}" y2="${y + 8}"/>${dots}</svg>`;
}
