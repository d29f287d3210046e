import type { Calibration, DefectFigures } from '../../harness/model/calibration.ts';
import { intervalOf, spoken } from '../calibration.ts';
import { type Html, html } from './html.ts';

/** Drawings that stand in a line of a table: they have a fixed size, and words for those who do not see them. */

const BAR = { width: 120, height: 14 } as const;

/** The interval as a line, the share as a dot on it, between never and always. */
export function intervalBar(figures: DefectFigures): Html | null {
  const { interval, found, runs } = figures;
  if (interval === null) return null;
  // The dot at either end is to be seen whole.
  const x = (share: number) => Number((5 + share * (BAR.width - 10)).toFixed(1));
  const middle = BAR.height / 2;
  const level = levelOf(figures);
  return html`<svg class="interval ${level}" width="${BAR.width}" height="${BAR.height}"
viewBox="0 0 ${BAR.width} ${BAR.height}" role="img" aria-label="95 %: ${intervalOf(interval)}"><line class="scale"
x1="5" x2="${BAR.width - 5}" y1="${middle}" y2="${middle}"/><line class="range" x1="${x(interval[0])}"
x2="${x(interval[1])}" y1="${middle}" y2="${middle}"/><circle cx="${x(found / runs)}" cy="${middle}" r="4"/></svg>`;
}

const DOTS = { step: 11, height: 30, most: 24 } as const;

/** Found how often, calibration by calibration, the newest at the right; a gap where it was not measured. */
export function trendChart(name: string, history: readonly Calibration[]): Html | null {
  const shown = history.slice(-DOTS.most);
  const measured = shown.flatMap(({ defects, started_at }, index) => {
    const figures = defects.find((one) => one.name === name);
    return figures && figures.runs > 0 ? [{ figures, index, day: started_at.slice(0, 10) }] : [];
  });
  if (measured.length === 0) return null;
  const width = Math.max(1, shown.length) * DOTS.step;
  const dots = measured.map(({ figures, index }) => ({
    x: index * DOTS.step + DOTS.step / 2,
    y: Number((5 + (1 - figures.found / figures.runs) * (DOTS.height - 10)).toFixed(1)),
    level: levelOf(figures),
  }));
  const path = dots.map(({ x, y }, index) => `${index === 0 ? 'M' : 'L'}${x},${y}`).join('');
  const said = measured.slice(-5).map(({ figures, day }) => `${day}: ${spoken(figures)}`);
  return html`<svg class="trend" width="${width}" height="${DOTS.height}" viewBox="0 0 ${width} ${DOTS.height}"
role="img" aria-label="${said.join('; ')}"><path class="line" d="${path}"/>${dots.map(
    ({ x, y, level }) => html`<circle class="${level}" cx="${x}" cy="${y}" r="3.5"/>`,
  )}</svg>`;
}

/** Always, sometimes, never. */
export function levelOf({ found, runs }: Pick<DefectFigures, 'found' | 'runs'>): 'pass' | 'unknown' | 'fail' {
  return found === runs ? 'pass' : found > 0 ? 'unknown' : 'fail';
}
