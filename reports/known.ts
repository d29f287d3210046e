import type { Finding } from '../harness/model/finding.ts';
import type { FindingAgainstKnown, KnownResult, KnownStatus } from '../harness/model/known.ts';
import { knownAs } from './finding-words.ts';

/** What every format says of known findings in the same words; each takes care of its own escaping. */

/** The sentence that stands beside the verdict: that says what the build does, this what of it is new. */
export function knownSentence({ file, sentence }: KnownResult): string {
  return `Known findings (${file}): ${sentence.charAt(0).toLowerCase()}${sentence.slice(1)}`;
}

/** What became of a finding of this run; undefined without known findings. */
export function statusOf({ id, fingerprint }: Finding, known: KnownResult | undefined): KnownStatus | undefined {
  return (
    known?.findings.find(({ in_run }) => in_run.includes(id)) ??
    known?.findings.find((one) => one.fingerprint === fingerprint)
  )?.status;
}

/** `new`, `worse`, or `known` where nothing changed; then what it is called. */
export function knownAsNow(finding: Finding, known: KnownResult | undefined): string {
  const status = statusOf(finding, known);
  return status === undefined ? knownAs(finding) : `${statusWord(status)}, ${knownAs(finding)}`;
}

/** Of a finding that occurred. */
export function statusWord(status: KnownStatus): string {
  return status === 'still there' ? 'as known' : status.toUpperCase();
}

export function isBadStatus(status: KnownStatus): boolean {
  return status === 'new' || status === 'worse';
}

/** A row for each finding of the run or of the file. */
export function knownRows({ findings }: KnownResult): { readonly one: FindingAgainstKnown; readonly what: string }[] {
  return findings.map((one) => ({
    one,
    what: one.name === null ? `${one.title} [${one.fingerprint}]` : `${one.name}: ${one.title}`,
  }));
}
