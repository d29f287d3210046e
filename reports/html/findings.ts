import type { Contrast, ContrastLine, Finding, Timeline, TimelineEntry } from '../../harness/model/finding.ts';
import type { Manifest } from '../../harness/model/manifest.ts';
import type { Judgement } from '../../harness/model/verdict.ts';
import { commandToExplain, commandToRepeat, evidenceQuery } from '../commands.ts';
import { deadlockOf } from '../deadlocks.ts';
import { CLOCKS, contrastWords, faultWords, howOften, offset } from '../finding-words.ts';
import { knownAsNow } from '../known.ts';
import { count, counted, LIMITS, moment } from '../words.ts';
import { deadlockSteps } from './deadlocks.ts';
import { cut, type Html, html } from './html.ts';
import { command, section } from './page.ts';

/** What broke, by cause: the first opened, the others a click away. */
export function findingsSection(judgement: Judgement, manifest: Manifest): Html | null {
  const { findings, findings_left_out: leftOut } = judgement;
  if (findings.length === 0 && leftOut === null) return null;
  return section('findings', 'Findings', [
    ...findings.map((one, index) => finding(one, index === 0, judgement, manifest)),
    leftOut === null ? null : html`<p class="note">${cut(leftOut, LIMITS.sentence)}</p>`,
  ]);
}

function finding(one: Finding, isFirst: boolean, { run, deadlocks, known }: Judgement, manifest: Manifest): Html {
  const { id, title, occurrences, worst, invariants, timeline, contrast, left_out: leftOut } = one;
  const deadlock = deadlockOf(one, deadlocks);
  const query = evidenceQuery(run, one);
  const names = invariants.map(
    ({ name, claim, violations }) =>
      html`<li><strong>${cut(name, 120)}</strong>
<span class="soft">${count(violations)} × · ${cut(claim, 400)}</span></li>`,
  );
  const head = html`<summary><span class="often">${count(occurrences)} ×</span>
<h3><span class="mono soft">${id}</span> ${cut(title, 400)}</h3>
<span class="soft">${cut(`${knownAsNow(one, known)} · ${howOften(one)}`, 300)}</span></summary>`;
  const faults = one.faults.map((fault) => html`<li>${cut(faultWords(fault), 300)}</li>`);
  const body = html`<div class="details">
<p>${deadlock ? null : cut(worst.sentence, LIMITS.sentence)}
<span class="soft">Worst occurrence, at ${moment(worst.at_ms)}.</span></p>
${leftOut === null ? null : html`<p class="note">${cut(leftOut, LIMITS.sentence)}</p>`}
${deadlock ? deadlockSteps(deadlock) : timeline && timeline.entries.length > 0 ? story(timeline, id) : null}
<h4>Violated invariants</h4><ul class="plain">${names}</ul>
${contrast === null ? null : different(contrast)}
${faults.length === 0 ? null : html`<h4>Open faults</h4><ul class="plain">${faults}</ul>`}
${one.worker_logs ? logs(one.worker_logs) : null}
<h4>Next steps</h4>
${[commandToExplain(run, one), ...(query === null ? [] : [query]), commandToRepeat(run, manifest.repeat)].map(command)}
</div>`;
  return isFirst
    ? html`<details class="finding cause" id="${id}" open>${head}${body}</details>`
    : html`<details class="finding cause" id="${id}">${head}${body}</details>`;
}

/** Beside the report, where it was written. */
function logs(files: readonly string[]): Html {
  const items = files.map((file) => html`<li><a href="${file}" class="mono">${cut(file, 200)}</a></li>`);
  return html`<h4>Logs of real workers in it</h4><ul class="plain">${items}</ul>`;
}

function different(contrast: Contrast): Html {
  const { head, lines } = contrastWords(contrast);
  const bars = contrast.lines.map(({ victims, of_victims, others, of_others }) => [
    bar('victims', victims, of_victims),
    bar('others', others, of_others),
  ]);
  const items = lines.map((line, index) => html`<li>${cut(line, 400)}${bars[index] ?? null}</li>`);
  return html`<h4>What distinguishes the affected</h4><p class="soft">${head}.</p>
<ul class="plain contrast">${items}</ul>`;
}

function bar(who: 'victims' | 'others', some: ContrastLine['victims'], all: number): Html {
  const percent = Math.round((100 * some) / Math.max(1, all));
  return html`<span class="bar ${who}" aria-hidden="true"><i style="width:${percent}%"></i></span>`;
}

/** More lanes than these are no picture any more: what is beyond shares the last one. */
const LANES = 8;

/**
 * A lane for each actor, time downwards: a dot where it did something, a bar while a request of its is under way. The
 * words stand beside the lanes and not in them, so that a lane needs no width and any number of them fits a phone.
 */
function story(timeline: Timeline, id: string): Html {
  const actors = [...new Set(timeline.entries.map(({ actor }) => actor))].sort((a, b) => rank(a) - rank(b));
  const lanes = actors.slice(0, LANES);
  const laneOf = (actor: string) => Math.min(actors.indexOf(actor), LANES - 1);
  const names = lanes.map((actor, index) =>
    index === LANES - 1 && actors.length > LANES ? `${actors.length - LANES + 1} others` : actor,
  );
  const busy = new Map<number, number>();
  const senders = new Map(timeline.entries.map(({ operation, actor }) => [operation, laneOf(actor)]));
  let state = '';
  let past = false;
  const rows = timeline.entries.map((entry) => {
    const lane = laneOf(entry.actor);
    if (entry.event === 'request' && entry.operation !== null) busy.set(entry.operation, lane);
    const from = entry.by === null ? lane : (senders.get(entry.by) ?? lane);
    const cells = lanes.map((_, index) => cell(entry, index, { lane, from, busy: [...busy.values()].includes(index) }));
    if (entry.event === 'answer' && entry.operation !== null) busy.delete(entry.operation);
    if (entry.of_subject && entry.after !== null) state = entry.after;
    const first = !past && entry.offset_ms >= 0;
    past ||= first;
    return row(entry, { cells, state, first });
  });
  const hidden = timeline.left_out > 0 ? ` ${counted(timeline.left_out, 'row')} further away not shown.` : '';
  return html`<figure class="story" style="--lanes:${lanes.length}" aria-labelledby="story-${id}">
<figcaption id="story-${id}"><b>Timeline of ${cut(timeline.subject, 200)}</b></figcaption>
<div class="lanes-head" aria-hidden="true"><span></span>${names.map((name) => html`<span>${cut(name, 40)}</span>`)}</div>
<ol>${rows}</ol>
<p class="note">● marks evidence. A bar is a request under way; a line leads from it to what it committed. The stripe on
the left is the task’s state. ${CLOCKS}${hidden}</p></figure>`;
}

/** Workers and operators left, servers in the middle, schedulers and the database right: requests flow rightwards. */
function rank(actor: string): number {
  const order = [/^fault$/, /^operator/, /^w-/, /^api/, /^dag-processor/, /^scheduler/, /^triggerer/, /^postgres/];
  const found = order.findIndex((pattern) => pattern.test(actor));
  return found === -1 ? order.length : found;
}

interface CellSetting {
  /** The lane of the event's actor. */
  readonly lane: number;
  /** The lane of the request that caused it: a line leads from there. */
  readonly from: number;
  /** A request of this lane is under way. */
  readonly busy: boolean;
}

function cell(entry: TimelineEntry, index: number, { lane, from, busy }: CellSetting): Html {
  const dot = index === lane ? html`<i class="${entry.proves ? 'proof' : 'dot'}"></i>` : null;
  const [left, right] = [Math.min(lane, from), Math.max(lane, from)];
  const line = left < right && index >= left && index <= right;
  const reach = line ? (index === left ? 'link link-right' : index === right ? 'link link-left' : 'link') : null;
  return html`<span class="${busy ? 'lane busy' : 'lane'}">${reach === null ? null : html`<u class="${reach}"></u>`}${dot}</span>`;
}

interface RowSetting {
  readonly cells: readonly Html[];
  readonly state: string;
  readonly first: boolean;
}

function row(entry: TimelineEntry, { cells, state, first }: RowSetting): Html {
  const { offset_ms, actor, event, what, before, after, outcome, proves } = entry;
  const moved =
    after === null
      ? null
      : html` ${before === null ? null : html`<span class="state ${stateClass(before)}">${cut(before, 40)}</span>`}
<span class="soft">→</span> <span class="state ${stateClass(after)}">${cut(after, 40)}</span>`;
  const kind = outcome === 'refused' ? 'refused' : outcome === 'unknown' ? 'failed' : '';
  return html`<li class="${first ? 'violation' : ''} ${proves ? 'proves' : ''} ${stateClass(state)}">
<time>${offset(offset_ms)}</time><span class="cells" aria-hidden="true">${cells}</span>
<span class="what"><b>${cut(actor, 40)}</b> <span class="${kind}">${event === 'answer' ? '← ' : ''}${cut(what, 400)}</span>${moved}</span></li>
`;
}

const STATES = ['none', 'scheduled', 'queued', 'running', 'success', 'failed', 'skipped', 'up_for_retry', 'deferred'];

/** Only our own words become classes. */
function stateClass(state: string): string {
  return STATES.includes(state) ? `s-${state}` : 's-other';
}
