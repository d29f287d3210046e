import { UsageError } from '../model/errors.ts';
import type { Finding } from '../model/finding.ts';
import type { Judgement } from '../model/verdict.ts';

/** By its number in this run, or by the beginning of its fingerprint, the same in all runs. UsageError: none has it. */
export function findingNamed({ findings, build }: Judgement, id: string): Finding {
  const wanted = id.toLowerCase();
  const found =
    findings.find((finding) => finding.id.toLowerCase() === wanted) ??
    findings.find(({ fingerprint }) => wanted.length >= 4 && fingerprint.startsWith(wanted));
  if (found) return found;
  const names = findings.map((finding) => `${finding.id} (${finding.fingerprint})`).join(', ');
  throw new UsageError(
    findings.length === 0
      ? `There is no finding "${id}": ${build} violated no invariant in this run.`
      : `There is no finding "${id}" in this run: choose one of ${names}.`,
  );
}

/** Whether two findings, also of different runs, have one cause: the same fingerprint, or the same known race. */
export function haveOneCause(one: Finding, other: Finding): boolean {
  return one.fingerprint === other.fingerprint || (one.known_race !== null && one.known_race === other.known_race);
}
