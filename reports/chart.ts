import type { Judgement, TimelinePoint } from '../harness/model/verdict.ts';
import { type Html, html } from './html.ts';
import { count, seconds } from './words.ts';

/**
 * Strips over the seconds of load, one above the other with one axis of time. The shapes stretch with the page; words
 * and numbers are HTML beside them and keep their size, so the charts can be read on a phone and on paper.
 */
export function charts(judgement: Judgement): Html | null {
  const { timeline, first_violation_s } = judgement;
  if (timeline.length < 2) return null;
  const { points, width } = thinned(timeline, 300);
  const span = points.length * width;
  const first = first_violation_s === null || first_violation_s > span ? null : first_violation_s / width;
  const lives = points.map(({ live }) => live ?? 0);
  const requests = points.map((point) => point.requests);
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((part) => html`<span>${seconds(part * span)}</span>`);
  const into = seconds(first_violation_s ?? 0);
  const legend = first === null ? null : html`<p class="note">Dashed: the first violation, ${into} into the load.</p>`;
  return html`<div class="charts">
${area('requests per second', requests, 72, first)}
${timeline.some(({ live }) => live !== null) ? area('live lives', lives, 48, first) : null}
${bars(
  '409',
  points.map((point) => point.http_409),
  width,
  'plain',
  first,
)}
${bars(
  '5xx',
  points.map((point) => point.http_5xx),
  width,
  'grave',
  first,
)}
${bars(
  'deadlocks',
  points.map((point) => point.deadlocks),
  width,
  'grave',
  first,
)}
<div class="axis" aria-hidden="true">${ticks}</div>
${legend}
</div>`;
}

/** At most so many points: requests and lives keep their mean rate and their peak, events are added up. */
export function thinned(
  timeline: readonly TimelinePoint[],
  limit: number,
): { readonly points: readonly TimelinePoint[]; readonly width: number } {
  const width = Math.max(1, Math.ceil(timeline.length / limit));
  const points: TimelinePoint[] = [];
  for (let start = 0; start < timeline.length; start += width) {
    const slice = timeline.slice(start, start + width);
    const sum = (of: (point: TimelinePoint) => number) => slice.reduce((total, point) => total + of(point), 0);
    const lives = slice.flatMap(({ live }) => (live === null ? [] : [live]));
    points.push({
      second: start,
      requests: sum(({ requests }) => requests) / slice.length,
      http_409: sum(({ http_409 }) => http_409),
      http_5xx: sum(({ http_5xx }) => http_5xx),
      deadlocks: sum(({ deadlocks }) => deadlocks),
      live: lives.length > 0 ? Math.max(...lives) : null,
    });
  }
  return { points, width };
}

function area(name: string, values: readonly number[], height: number, first: number | null): Html {
  const peak = Math.max(...values);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const [begin, end] = [y(values[0] ?? 0, peak), y(values.at(-1) ?? 0, peak)];
  const middle = values.map((value, index) => `${index + 0.5},${y(value, peak)}`).join('L');
  const line = `M0,${begin}L${middle}L${values.length},${end}`;
  const said = `mean ${count(mean)}, peak ${count(peak)}`;
  return strip(
    name,
    said,
    values.length,
    height,
    html`<path class="area" d="${line}V100H0Z"/><path class="line" d="${line}"/>`,
    first,
  );
}

function bars(
  name: string,
  values: readonly number[],
  width: number,
  weight: 'plain' | 'grave',
  first: number | null,
): Html {
  const peak = Math.max(...values);
  const total = values.reduce((sum, value) => sum + value, 0);
  const path = values
    .flatMap((value, index) => (value > 0 ? [`M${index + 0.1},100V${y(value, peak)}h.8V100Z`] : []))
    .join('');
  const said =
    total === 0 ? 'none' : `${count(total)}, at most ${count(peak)} in ${width === 1 ? 'a second' : seconds(width)}`;
  return strip(name, said, values.length, 30, html`<path class="bars ${weight}" d="${path}"/>`, first);
}

function strip(name: string, said: string, span: number, height: number, shape: Html, first: number | null): Html {
  const mark = first === null ? null : html`<line class="first" x1="${first}" x2="${first}" y1="0" y2="100"/>`;
  const label = `${name} over the load: ${said}`;
  return html`<figure><figcaption><b>${name}</b><span>${said}</span></figcaption>
<svg viewBox="0 0 ${span} 100" height="${height}" preserveAspectRatio="none" role="img"
aria-label="${label}">${shape}${mark}</svg></figure>`;
}

/** Down from the top, of a hundred; one digit is finer than a pixel. */
function y(value: number, peak: number): number {
  return peak === 0 ? 100 : Number((100 - (value / peak) * 96).toFixed(1));
}
