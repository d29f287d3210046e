import type { FaultEffect } from '../harness/model/over-time.ts';
import type { Judgement } from '../harness/model/verdict.ts';
import { type FaultKind, faultKinds } from './fault-words.ts';
import { cut, type Html, html } from './html.ts';
import { count, moment, some } from './words.ts';

/** More kinds than these are no picture any more; what is beyond shares the last lane. */
const LANES = 12;

/** When which damage was open, a lane for each kind of fault, and the moments of the findings above them. */
export function faultLanes({ faults, findings, over_time: time }: Judgement): Html | null {
  const until = time.from_ms + time.steps * time.step_ms;
  const place = (ms: number) => Math.min(100, Math.max(0, ((ms - time.from_ms) / (until - time.from_ms)) * 100));
  const kinds = faultKinds(faults);
  const shown = kinds.length <= LANES ? kinds : [...kinds.slice(0, LANES - 1), others(kinds.slice(LANES - 1))];
  const ticks = findings
    .slice(0, 12)
    .flatMap(({ id, first, worst, last }) =>
      [...new Set([first.at_ms, worst.at_ms, last.at_ms])].map((at_ms) => ({ id, at_ms })),
    );
  if (shown.length === 0 && ticks.length === 0) return null;
  const marks = ticks.map(
    ({ id, at_ms }) =>
      html`<i class="tick" style="left:${place(at_ms).toFixed(2)}%" title="${`${id} at ${moment(at_ms)}`}"></i>`,
  );
  const rows = shown.map(({ fault, windows }) => {
    const bars = windows.map(({ opened_ms, closed_ms, victim }) => {
      const [left, right] = [place(opened_ms), place(closed_ms ?? until)];
      const title = `${fault} of ${victim}, ${moment(opened_ms)} to ${closed_ms === null ? 'the end' : moment(closed_ms)}`;
      return html`<i style="left:${left.toFixed(2)}%;width:${(right - left).toFixed(2)}%" title="${cut(title, 200)}"></i>`;
    });
    return html`<div class="lane-of"><p>${laneName(fault, windows)}</p><div class="track" aria-hidden="true">${bars}<u class="lane-cursor" hidden></u></div></div>`;
  });
  return html`<figure class="fault-lanes"><figcaption><b>${shown.length > 0 ? 'Faults' : 'Violations'}</b> <span>${
    shown.length > 0 ? 'shaded in every chart below' : 'the moments that the findings tell'
  }</span></figcaption>
${ticks.length === 0 ? null : html`<div class="lane-of violations"><p>violations: the first, the worst and the last of ${some([...new Set(ticks.map(({ id }) => id))], 12)}</p><div class="track" aria-hidden="true">${marks}<u class="lane-cursor" hidden></u></div></div>`}
${rows}</figure>`;
}

function others(kinds: readonly FaultKind[]): FaultKind {
  return { fault: `${count(kinds.length)} other kinds`, windows: kinds.flatMap(({ windows }) => windows) };
}

function laneName(fault: string, windows: readonly FaultEffect[]): string {
  const victims = some([...new Set(windows.map(({ victim }) => cut(victim, 40)))], 3);
  return `${cut(fault, 60)} · ${victims}${windows.length > 1 ? ` · ${count(windows.length)} times` : ''}`;
}
