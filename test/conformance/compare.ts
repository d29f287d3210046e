import { DIFFERENCES, type Difference } from './differences.ts';
import { type Json, parts, type Step } from './observation.ts';

/** A part of a step where a release and the reference stack do not agree. */
export interface Finding {
  readonly dialogue: string;
  readonly step: string;
  readonly route: string;
  readonly path: string;
  readonly airflow: Json;
  readonly reference: Json;
  readonly listed: Difference | undefined;
}

export interface Comparison {
  readonly release: string;
  readonly dialogues: number;
  readonly agreed: number;
  /** Dialogues with listed differences and no other. */
  readonly listed: number;
  readonly findings: readonly Finding[];
  /** Listed for this release, and not seen. */
  readonly gone: readonly Difference[];
}

export interface Pair {
  readonly dialogue: string;
  readonly airflow: readonly Step[];
  readonly reference: readonly Step[];
}

export function compare(release: string, pairs: readonly Pair[], known = DIFFERENCES): Comparison {
  const ofRelease = known.filter(({ releases }) => releases.includes(release));
  const found = pairs.map((pair) => comparePair(pair, ofRelease));
  const findings = found.flat();
  const used = new Set(findings.map(({ listed }) => listed));
  return {
    release,
    dialogues: pairs.length,
    agreed: found.filter((of) => of.length === 0).length,
    listed: found.filter((of) => of.length > 0 && of.every(({ listed }) => listed !== undefined)).length,
    findings,
    gone: ofRelease.filter((difference) => !difference.sometimes && !used.has(difference)),
  };
}

export function unlisted({ findings }: Comparison): Finding[] {
  return findings.filter(({ listed }) => listed === undefined);
}

/** For people: where, and what each of the two gives. */
export function sentence({ dialogue, step, route, path, airflow, reference }: Finding): string {
  const where = `${dialogue} · ${step} [${route}] ${path}`;
  return `${where}\n    airflow   ${JSON.stringify(airflow)}\n    reference ${JSON.stringify(reference)}`;
}

function comparePair({ dialogue, airflow, reference }: Pair, known: readonly Difference[]): Finding[] {
  const names = (steps: readonly Step[]) => steps.map(({ step }) => step);
  if (JSON.stringify(names(airflow)) !== JSON.stringify(names(reference))) {
    const where = { dialogue, step: 'all', route: 'steps', path: 'names' };
    return [{ ...where, airflow: names(airflow), reference: names(reference), listed: undefined }];
  }
  return airflow.flatMap((step, i) => compareStep(dialogue, step, reference[i] ?? step, known));
}

function compareStep(dialogue: string, a: Step, b: Step, known: readonly Difference[]): Finding[] {
  const apart = a.route === 'outcomes' ? illegalOutcomes(a, b) : partsOf(a.seen, b.seen);
  const { step, route } = a;
  const fitting = known.filter((difference) => fits(difference, dialogue, a) && shows(difference, apart));
  return apart.map(({ path, airflow, reference }) => ({
    dialogue,
    step,
    route,
    path,
    airflow,
    reference,
    listed: fitting.find(({ seen }) => path in seen),
  }));
}

interface Apart {
  readonly path: string;
  readonly airflow: Json;
  readonly reference: Json;
}

function partsOf(a: Json, b: Json): Apart[] {
  return parts(a, b).map(({ path, a: airflow, b: reference }) => ({ path, airflow, reference }));
}

/** A race may end differently each time: what counts is that every end seen is one that the dialogue allows. */
function illegalOutcomes(a: Step, b: Step): Apart[] {
  const legal = new Set<Json>(b.legal ?? []);
  const seen = (step: Step): Json[] => (Array.isArray(step.seen) ? [...step.seen] : [step.seen]);
  return [
    ...seen(a)
      .filter((outcome) => !legal.has(outcome))
      .map((outcome) => ({ path: `outcome ${outcome}`, airflow: 'seen', reference: 'never' })),
    ...seen(b)
      .filter((outcome) => !legal.has(outcome))
      .map((outcome) => ({ path: `outcome ${outcome}`, airflow: 'never', reference: 'seen' })),
  ];
}

function fits({ dialogue, step, route }: Difference, name: string, seen: Step): boolean {
  return (
    (dialogue === undefined || dialogue === name) &&
    (step === undefined || step === seen.step) &&
    (route === undefined || route === seen.route)
  );
}

function shows({ seen }: Difference, apart: readonly Apart[]): boolean {
  return Object.entries(seen).every(([path, [airflow, reference]]) =>
    apart.some((part) => part.path === path && same(part.airflow, airflow) && same(part.reference, reference)),
  );
}

function same(a: Json, b: Json): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
