import { listed, some } from '../../reports/words.ts';
import type { FindingAgainstKnown, KnownResult, KnownStatus } from '../model/known.ts';
import { isInDoubt, type Judgement, type Verdict } from '../model/verdict.ts';
import type { AgainstKnown } from '../run/judge-folder.ts';
import { findingsAgainst, type KnownBaseline } from './against.ts';
import { type Observation, type ObservedManifest, observe } from './observation.ts';

/** What the exit code says of one run: only what is new or worse is a failure, and doubt stays doubt. */
export function knownResultOf(baseline: KnownBaseline, judgement: Judgement, manifest: ObservedManifest): KnownResult {
  const run = observe(judgement, manifest);
  const exceeded = judgement.thresholds.filter(({ verdict }) => verdict === 'fail').map(({ metric }) => metric);
  return resultOf(baseline, [run], { exceeded, otherwise: isInDoubt(judgement) ? 'unknown' : 'pass' });
}

/** How a run is compared with the known findings. */
export function againstKnown(baseline: KnownBaseline): AgainstKnown {
  return (judgement, manifest) => knownResultOf(baseline, judgement, manifest);
}

/** Several runs of one build as one. `otherwise`: the verdict if nothing is new, worse or exceeded. */
export function resultOf(
  baseline: KnownBaseline,
  runs: readonly Observation[],
  { exceeded, otherwise }: { readonly exceeded: readonly string[]; readonly otherwise: Verdict },
): KnownResult {
  const findings = findingsAgainst(baseline, runs);
  const ungrouped = [...new Set(runs.flatMap((run) => run.ungrouped))];
  const isBad = findings.some(({ status }) => status === 'new' || status === 'worse') || exceeded.length > 0;
  const verdict = isBad ? 'fail' : ungrouped.length > 0 && otherwise === 'pass' ? 'unknown' : otherwise;
  return { file: baseline.path, verdict, sentence: sentenceOf(findings, { exceeded, ungrouped, verdict }), findings };
}

interface Beside {
  readonly exceeded: readonly string[];
  readonly ungrouped: readonly string[];
  readonly verdict: Verdict;
}

/** `2 are new (#63266 and a1b2c3d4); 3 are still there, 1 was not seen.` */
function sentenceOf(findings: readonly FindingAgainstKnown[], { exceeded, ungrouped, verdict }: Beside): string {
  const of = (status: KnownStatus) => findings.filter((one) => one.status === status);
  const names = (all: readonly FindingAgainstKnown[]) => some(all.map(nameOf), 4);
  const bad = [
    ...(of('new').length > 0 ? [`new: ${names(of('new'))}`] : []),
    ...(of('worse').length > 0 ? [`worse: ${names(of('worse'))}`] : []),
    ...(exceeded.length > 0 ? [`exceeded: ${some(exceeded, 3)}`] : []),
  ];
  const rest = (['still there', 'gone', 'not seen', 'not exercised'] as const).flatMap((status) => {
    const all = of(status);
    return all.length === 0 ? [] : [`${status}: ${names(all)}`];
  });
  const doubts = [
    ...(ungrouped.length > 0 ? [`${listed(ungrouped)} could not be grouped, so what is new of it is not known`] : []),
    ...(verdict === 'unknown' && ungrouped.length === 0 ? ['but these runs prove little'] : []),
  ];
  const head = bad.length > 0 ? bad : ['nothing is new or worse', ...doubts];
  const text = [...head, ...rest].join('; ');
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

/** `#66734`, or the title with its fingerprint where it has no name. */
function nameOf({ name, fingerprint, title }: FindingAgainstKnown): string {
  if (name !== null) return name;
  return `${title.length > 60 ? `${title.slice(0, 59)}…` : title} [${fingerprint}]`;
}
