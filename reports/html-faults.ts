import type { FaultEffect, Phase } from '../harness/model/over-time.ts';
import type { Judgement } from '../harness/model/verdict.ts';
import { type FaultKind, faultKinds } from './fault-lanes.ts';
import { type Content, cut, type Html, html } from './html.ts';
import { section, table } from './page.ts';
import { count, counted, milliseconds, moment } from './words.ts';

/** Past these the windows are told together, by kind: eight hours hold more than a table can. */
const WINDOWS = 24;
/** So many times as bad as before is pointed out. */
const MARKED = 2;

interface Row {
  readonly what: Content;
  readonly before: Phase | null;
  readonly during: Phase | null;
  readonly after: Phase | null;
  readonly recovered: string;
}

/** What each fault did to the load: before it opened, while it was open, after it closed. */
export function faultsSection({ faults }: Judgement): Html | null {
  if (faults.length === 0) return null;
  const rows = faults.length <= WINDOWS ? faults.map(one) : faultKinds(faults).map(kind);
  const columns = ['fault', 'ok a second', '4xx a second', 'failed a second', 'p95, ms', 'as before'];
  const cells = rows.map(({ what, before, during, after, recovered }) => [
    what,
    change(before, during, after, ({ ok_per_s }) => ok_per_s, 'fewer'),
    change(before, during, after, ({ refused_per_s }) => refused_per_s),
    change(before, during, after, ({ unknown_per_s }) => unknown_per_s),
    change(before, during, after, ({ p95_ms }) => p95_ms),
    recovered,
  ]);
  const note =
    'Up to 10 s before it opened → while it was open → up to 10 s after it closed; bold: twice as bad. Failed: 5xx, or no answer. ' +
    'As before: how long after it closed the first 5 s began in which nine of ten requests had an answer within twice the p95 of before (100 ms at least). ' +
    '*: another fault was open in the 10 s before.';
  return section(
    'faults',
    'What the faults did',
    html`<div class="effects">${table(
      'Faults',
      columns.map((title, index) => ({ title, numeric: index > 0 })),
      cells,
    )}</div>`,
    note,
  );
}

function one(effect: FaultEffect): Row {
  const { fault, victim, opened_ms, closed_ms, detail, others_before } = effect;
  const until = closed_ms === null ? 'the end' : moment(closed_ms);
  return {
    ...effect,
    what: html`<strong>${cut(fault, 60)}</strong> ${cut(victim, 60)}${others_before ? ' *' : ''}
<small>${moment(opened_ms)} to ${until}${detail === null ? '' : ` · ${cut(detail, 90)}`}</small>`,
    recovered: recoveredWords(effect),
  };
}

function recoveredWords({ recovered_ms, closed_ms, before }: FaultEffect): string {
  if (recovered_ms !== null) return recovered_ms === 0 ? 'at once' : moment(recovered_ms, 0);
  if (closed_ms === null) return 'never closed';
  return before === null || before.p95_ms === null ? 'no before' : 'not seen';
}

/** The windows of one kind: the median of each number. */
function kind({ fault, windows: effects }: FaultKind): Row {
  const seen = effects.filter(({ recovered_ms }) => recovered_ms !== null);
  const longest = Math.max(0, ...seen.map(({ recovered_ms }) => recovered_ms ?? 0));
  return {
    what: html`<strong>${cut(fault, 60)}</strong> <small>${counted(effects.length, 'time')}; medians</small>`,
    before: typical(effects.map(({ before }) => before)),
    during: typical(effects.map(({ during }) => during)),
    after: typical(effects.map(({ after }) => after)),
    recovered: `${count(seen.length)} of ${count(effects.length)}${seen.length > 0 ? `, in ${moment(longest, 0)} at most` : ''}`,
  };
}

function typical(phases: readonly (Phase | null)[]): Phase | null {
  const known = phases.filter((phase) => phase !== null);
  if (known.length === 0) return null;
  const middle = (of: (phase: Phase) => number | null) => {
    const values = known.flatMap((phase) => of(phase) ?? []).sort((a, b) => a - b);
    return values[Math.floor(values.length / 2)] ?? null;
  };
  return {
    seconds: middle(({ seconds }) => seconds) ?? 0,
    ok_per_s: middle(({ ok_per_s }) => ok_per_s) ?? 0,
    refused_per_s: middle(({ refused_per_s }) => refused_per_s) ?? 0,
    unknown_per_s: middle(({ unknown_per_s }) => unknown_per_s) ?? 0,
    p95_ms: middle(({ p95_ms }) => p95_ms),
    live: middle(({ live }) => live),
  };
}

function change(
  before: Phase | null,
  during: Phase | null,
  after: Phase | null,
  of: (phase: Phase) => number | null,
  worse: 'more' | 'fewer' = 'more',
): Html {
  const value = (phase: Phase | null) => (phase === null ? null : of(phase));
  const [then, now, later] = [value(before), value(during), value(after)];
  return html`${shown(then)} → ${marked(now, then, worse)} → ${marked(later, then, worse)}`;
}

function marked(value: number | null, before: number | null, worse: 'more' | 'fewer'): Content {
  if (value === null || before === null) return shown(value);
  const differs = worse === 'more' ? value > MARKED * before : value * MARKED < before;
  // A tenth of a request a second more than none is no news.
  return differs && Math.abs(value - before) >= 1 ? html`<b>${shown(value)}</b>` : shown(value);
}

function shown(value: number | null): string {
  return value === null ? '–' : value === 0 ? '0' : milliseconds(value);
}
