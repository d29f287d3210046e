import type { Contrast, ContrastLine, FaultWindow, Finding, TimelineEntry } from '../harness/model/finding.ts';
import { knownRaceNamed } from '../harness/races/index.ts';
import { count, counted, moment, pValue } from './words.ts';

/** What every format says of a finding in the same words; each takes care of its own escaping. */

/** `7 times, 45 violations, from 24.3 s to 56.1 s`. */
export function howOften({ occurrences, violations, first, last }: Finding): string {
  const times = occurrences === 1 ? 'once' : `${count(occurrences)} times`;
  const broken = violations === occurrences ? '' : `, ${counted(violations, 'violation')}`;
  const when = occurrences === 1 ? `at ${moment(first.at_ms)}` : `from ${moment(first.at_ms)} to ${moment(last.at_ms)}`;
  return `${times}${broken}, ${when}`;
}

export function knownAs({ known_race }: Finding): string {
  if (known_race === null) return 'not a known race';
  const reported = knownRaceNamed(known_race)?.reported ?? null;
  return reported === null ? `known as ${known_race}, not reported upstream` : `known race ${known_race}`;
}

/** What distinguishes the affected, a line each. */
export function contrastWords(contrast: Contrast): { readonly head: string; readonly lines: readonly string[] } {
  const { unit, victims, others, lines } = contrast;
  const head = `${count(victims)} ${unit} hit, ${count(others)} others`;
  if (lines.length === 0) return { head, lines: ['No recorded property distinguishes them.'] };
  return { head, lines: lines.map((line, index) => contrastLine(line, index > 0)) };
}

function contrastLine(line: ContrastLine, among: boolean): string {
  return (
    `${among ? 'and among these ' : ''}${line.label}: ${count(line.victims)} of ${count(line.of_victims)} affected, ` +
    `${count(line.others)} of ${count(line.of_others)} others (${pValue(line.p_value)})`
  );
}

export function faultWords({ fault, victim, opened_ms, closed_ms, detail, occurrences }: FaultWindow): string {
  const until = closed_ms === null ? 'never healed' : `to ${moment(closed_ms)}`;
  const more = detail === null || detail === '' ? '' : ` (${detail})`;
  return `${fault} of ${victim}${more}, from ${moment(opened_ms)} ${until}: ${counted(occurrences, 'occurrence')}`;
}

/** `−504 ms`, `+1.2 s`, `0`: as exact as is of use beside a violation. */
export function offset(ms: number): string {
  const size = Math.abs(ms);
  if (size < 0.5) return '0';
  return `${ms < 0 ? '−' : '+'}${size < 1_000 ? `${Math.round(size)} ms` : `${(size / 1_000).toFixed(1)} s`}`;
}

/** `running → skipped`, or nothing. */
export function stateChange({ before, after }: TimelineEntry): string {
  if (after === null) return '';
  return before === null ? `→ ${after}` : `${before} → ${after}`;
}

/** Stands once under every timeline. */
export const CLOCKS =
  'Times are relative to the violation. Commits have PostgreSQL’s clock and requests the harness’s, so the order is ' +
  'by cause first (sent, committed, answered), then by time.';
