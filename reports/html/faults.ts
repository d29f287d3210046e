import { groupBy } from '../../harness/model/group-by.ts';
import type { FaultEffect, Phase } from '../../harness/model/over-time.ts';
import type { Judgement } from '../../harness/model/verdict.ts';
import { count, counted, milliseconds, moment } from '../words.ts';
import { type Content, cut, type Html, html } from './html.ts';
import { section, table } from './page.ts';

/** Beyond so many windows they are grouped by kind: eight hours hold more than a table can. */
const WINDOWS = 24;
/** So many times as bad as before is pointed out. */
const MARKED = 2;

interface FaultSummary {
  readonly name: string;
  /** The victim, and details. */
  readonly victim: string;
  readonly about: string;
  readonly before: Phase | null;
  readonly during: Phase | null;
  readonly after: Phase | null;
  readonly recovered: string;
}

/** The effect of each fault on the load: before it opened, while it was open, after it closed. */
export function faultsSection({ faults }: Judgement): Html | null {
  if (faults.length === 0) return null;
  const effects = faults.length <= WINDOWS ? faults.map(one) : faultKinds(faults).map(kind);
  const titles = ['fault', 'ok per second', '4xx per second', 'failed per second', 'p95, ms', 'recovered after'];
  const columns = titles.map((title, index) => ({ title, numeric: index > 0 }));
  const rows = effects.map((row) => [
    html`<strong>${cut(row.name, 60)}</strong> ${cut(row.victim, 60)}<small>${cut(row.about, 120)}</small>`,
    change(row, ({ ok_per_s }) => ok_per_s, 'fewer'),
    change(row, ({ refused_per_s }) => refused_per_s),
    change(row, ({ unknown_per_s }) => unknown_per_s),
    change(row, ({ p95_ms }) => p95_ms),
    row.recovered,
  ]);
  const note =
    'Up to 10 s before the fault → while it was open → up to 10 s after it; bold: twice as bad. Failed: 5xx or no ' +
    'response. Recovered: the first 5 s in which nine of ten requests were answered within twice the p95 of before ' +
    '(at least 100 ms). “Others open”: another fault was open in the 10 s before.';
  const shown = html`<div class="effects">${table('Faults', columns, rows)}</div>`;
  return section('faults', 'Effects of the faults', shown, note);
}

export interface FaultKind {
  readonly fault: string;
  readonly windows: readonly FaultEffect[];
}

/** In the order in which they first opened. */
export function faultKinds(faults: readonly FaultEffect[]): FaultKind[] {
  return [...groupBy(faults, ({ fault }) => fault)].map(([fault, windows]) => ({ fault, windows }));
}

function one(effect: FaultEffect): FaultSummary {
  const { fault, victim, opened_ms, closed_ms, detail, others_before } = effect;
  const until = closed_ms === null ? 'the end' : moment(closed_ms);
  const about = [
    `${moment(opened_ms)} to ${until}`,
    ...(others_before ? ['others open'] : []),
    ...(detail === null ? [] : [detail]),
  ];
  return { ...effect, name: fault, victim, about: about.join(' · '), recovered: recoveredWords(effect) };
}

function recoveredWords({ recovered_ms, closed_ms, before }: FaultEffect): string {
  if (recovered_ms !== null) return recovered_ms === 0 ? 'immediately' : moment(recovered_ms, 0);
  if (closed_ms === null) return 'never closed';
  return before === null || before.p95_ms === null ? 'not known' : 'not seen';
}

/** The windows of one kind: the median of each number. */
function kind({ fault, windows }: FaultKind): FaultSummary {
  const seen = windows.filter(({ recovered_ms }) => recovered_ms !== null);
  const longest = Math.max(0, ...seen.map(({ recovered_ms }) => recovered_ms ?? 0));
  const inTime = seen.length > 0 ? `, in ${moment(longest, 0)} at most` : '';
  return {
    name: fault,
    victim: '',
    about: `${counted(windows.length, 'time')}; medians`,
    before: typical(windows.map(({ before }) => before)),
    during: typical(windows.map(({ during }) => during)),
    after: typical(windows.map(({ after }) => after)),
    recovered: `${count(seen.length)} of ${count(windows.length)}${inTime}`,
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

/** Before, during and after; bold where it is much worse than before. */
function change(
  { before, during, after }: FaultSummary,
  of: (phase: Phase) => number | null,
  worse: 'more' | 'fewer' = 'more',
): Content[] {
  const value = (phase: Phase | null) => (phase === null ? null : of(phase));
  const then = value(before);
  const later = [value(during), value(after)].map((now) => [
    ' → ',
    isWorse(now, then, worse) ? html`<b>${shown(now)}</b>` : shown(now),
  ]);
  return [shown(then), ...later];
}

function isWorse(value: number | null, before: number | null, worse: 'more' | 'fewer'): boolean {
  if (value === null || before === null) return false;
  const differs = worse === 'more' ? value > MARKED * before : value * MARKED < before;
  // A tenth of a request a second more than none is no news.
  return differs && Math.abs(value - before) >= 1;
}

function shown(value: number | null): string {
  return value === null ? '–' : value === 0 ? '0' : milliseconds(value);
}
