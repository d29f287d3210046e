import type { Judgement } from '../../harness/model/verdict.ts';
import { count, moment, some } from '../words.ts';
import { type FaultKind, faultKinds } from './faults.ts';
import { cut, type Html, html } from './html.ts';

/** More kinds than these are no picture any more; what is beyond shares the last lane. */
const LANES = 12;

/** When which damage was open, a lane for each kind of fault, and the moments of the findings above them. */
export function faultLanes(judgement: Judgement): Html | null {
  const { faults, over_time: time } = judgement;
  const until = time.from_ms + time.steps * time.step_ms;
  const place = (ms: number) => Math.min(100, Math.max(0, ((ms - time.from_ms) / (until - time.from_ms)) * 100));
  const kinds = faultKinds(faults);
  const shown = kinds.length <= LANES ? kinds : [...kinds.slice(0, LANES - 1), others(kinds.slice(LANES - 1))];
  const violations = violationLane(judgement, place);
  if (shown.length === 0 && violations === null) return null;
  const [title, note] =
    shown.length > 0 ? ['Faults', 'shaded in every chart below'] : ['Violations', 'the times that the findings name'];
  return html`<figure class="fault-lanes"><figcaption><b>${title}</b> <span>${note}</span></figcaption>
${violations}
${shown.map((kind) => lane(laneName(kind), bars(kind, until, place)))}</figure>`;
}

/** Percent of the axis of time. */
type Place = (ms: number) => number;

function violationLane({ findings }: Judgement, place: Place): Html | null {
  const timed = findings.slice(0, LANES);
  if (timed.length === 0) return null;
  const ticks = timed.flatMap(({ id, first, worst, last }) =>
    [...new Set([first.at_ms, worst.at_ms, last.at_ms])].map((at_ms) => {
      const title = `${id} at ${moment(at_ms)}`;
      return html`<i class="tick" style="left:${place(at_ms).toFixed(2)}%" title="${title}"></i>`;
    }),
  );
  const ids = timed.map(({ id }) => id);
  return lane(`violations: the first, the worst and the last of ${some(ids, LANES)}`, ticks);
}

function bars({ fault, windows }: FaultKind, until: number, place: Place): Html[] {
  return windows.map(({ opened_ms, closed_ms, victim }) => {
    const [left, right] = [place(opened_ms), place(closed_ms ?? until)];
    const end = closed_ms === null ? 'the end' : moment(closed_ms);
    const title = cut(`${fault} of ${victim}, ${moment(opened_ms)} to ${end}`, 200);
    const style = `left:${left.toFixed(2)}%;width:${Math.max(0, right - left).toFixed(2)}%`;
    return html`<i style="${style}" title="${title}"></i>`;
  });
}

function lane(name: string, marks: readonly Html[]): Html {
  return html`<div class="lane-of"><p>${name}</p>
<div class="track" aria-hidden="true">${marks}<u class="lane-cursor" hidden></u></div></div>
`;
}

function others(kinds: readonly FaultKind[]): FaultKind {
  return { fault: `${count(kinds.length)} other kinds`, windows: kinds.flatMap(({ windows }) => windows) };
}

function laneName({ fault, windows }: FaultKind): string {
  const victims = some([...new Set(windows.map(({ victim }) => cut(victim, 40)))], 3);
  return `${cut(fault, 60)} · ${victims}${windows.length > 1 ? ` · ${count(windows.length)} times` : ''}`;
}
