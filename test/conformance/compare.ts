import type { Case, Difference } from './differences/difference.ts';
import { DIFFERENCES } from './differences/index.ts';
import { type Json, parts, type Step } from './observation.ts';

/** A part of a step where a release and the reference stack do not agree. */
export interface Finding {
  readonly dialogue: string;
  readonly step: string;
  readonly route: string;
  readonly path: string;
  readonly airflow: Json;
  readonly reference: Json;
  readonly listed: Listed | undefined;
}

export interface Listed {
  readonly difference: Difference;
  readonly place: Case;
}

export interface Comparison {
  readonly release: string;
  /** Each dialogue and each sequence, with what was found in it. */
  readonly played: readonly Played[];
  readonly findings: readonly Finding[];
  /** Listed for this release, and not seen. */
  readonly gone: readonly Listed[];
}

interface Played {
  readonly dialogue: string;
  readonly findings: readonly Finding[];
}

export interface Pair {
  readonly dialogue: string;
  readonly airflow: readonly Step[];
  readonly reference: readonly Step[];
}

export function compare(release: string, pairs: readonly Pair[], differences = DIFFERENCES): Comparison {
  const known = differences
    .flatMap((difference) => difference.cases.map((place): Listed => ({ difference, place })))
    .filter(({ difference, place }) => (place.releases ?? difference.releases).includes(release));
  const played = pairs.map((pair) => ({ dialogue: pair.dialogue, findings: comparePair(pair, known) }));
  const findings = played.flatMap((one) => one.findings);
  const used = new Set(findings.map(({ listed }) => listed?.place));
  return {
    release,
    played,
    findings,
    gone: known.filter(({ place }) => !place.sometimes && !used.has(place)),
  };
}

export function unlisted({ findings }: Comparison): Finding[] {
  return findings.filter(({ listed }) => listed === undefined);
}

export interface Tally {
  readonly all: number;
  readonly agreed: number;
  /** With listed differences and no other. */
  readonly listed: number;
  readonly others: number;
}

export function tallyOf({ played }: Comparison): { readonly dialogues: Tally; readonly sequences: Tally } {
  const isSequence = ({ dialogue }: Played) => dialogue.startsWith('fuzz ');
  return {
    dialogues: tally(played.filter((one) => !isSequence(one))),
    sequences: tally(played.filter(isSequence)),
  };
}

function tally(played: readonly Played[]): Tally {
  const agreed = played.filter(({ findings }) => findings.length === 0).length;
  const others = played.filter(({ findings }) => findings.some(({ listed }) => listed === undefined)).length;
  return { all: played.length, agreed, others, listed: played.length - agreed - others };
}

/** For people: where, and what each of the two gives. */
export function sentence({ dialogue, step, route, path, airflow, reference }: Finding): string {
  const where = `${dialogue} · ${step} [${route}] ${path}`;
  return `${where}\n    airflow   ${JSON.stringify(airflow)}\n    reference ${JSON.stringify(reference)}`;
}

function comparePair({ dialogue, airflow, reference }: Pair, known: readonly Listed[]): Finding[] {
  const names = (steps: readonly Step[]) => steps.map(({ step }) => step);
  if (JSON.stringify(names(airflow)) !== JSON.stringify(names(reference))) {
    const where = { dialogue, step: 'all', route: 'steps', path: 'names' };
    return [{ ...where, airflow: names(airflow), reference: names(reference), listed: undefined }];
  }
  return airflow.flatMap((step, i) => compareStep(dialogue, step, reference[i] ?? step, known));
}

interface Apart {
  readonly path: string;
  readonly airflow: Json;
  readonly reference: Json;
}

function compareStep(dialogue: string, a: Step, b: Step, known: readonly Listed[]): Finding[] {
  const apart =
    a.route === 'outcomes'
      ? illegalOutcomes(a, b)
      : parts(a.seen, b.seen).map(({ path, a: airflow, b: reference }) => ({ path, airflow, reference }));
  const { step, route } = a;
  const fitting = known.filter(({ place }) => fits(place, dialogue, a) && shows(place, apart));
  return apart.map((part) => ({
    dialogue,
    step,
    route,
    ...part,
    listed: fitting.find(({ place }) => Object.entries(place.seen).some((entry) => isPart(entry, part))),
  }));
}

/** A race may end differently each time: what counts is that every end seen is one that the dialogue allows. */
function illegalOutcomes(a: Step, b: Step): Apart[] {
  const legal = new Set<Json>(b.legal ?? []);
  const others = ({ seen }: Step): Json[] => (Array.isArray(seen) ? seen : [seen]).filter((end) => !legal.has(end));
  return [
    ...others(a).map((outcome) => ({ path: `outcome ${outcome}`, airflow: 'seen', reference: 'never' })),
    ...others(b).map((outcome) => ({ path: `outcome ${outcome}`, airflow: 'never', reference: 'seen' })),
  ];
}

function fits({ dialogue, step, route }: Case, name: string, seen: Step): boolean {
  return (
    (dialogue === undefined || dialogue === name) &&
    (step === undefined || step === seen.step) &&
    (route === undefined || route === seen.route)
  );
}

function shows({ seen }: Case, apart: readonly Apart[]): boolean {
  return Object.entries(seen).every((entry) => apart.some((part) => isPart(entry, part)));
}

function isPart([path, [airflow, reference]]: [string, readonly [Json, Json]], part: Apart): boolean {
  return pathMatches(path, part.path) && matches(airflow, part.airflow) && matches(reference, part.reference);
}

/** `*` as the first part of a path is any name of a task. */
function pathMatches(pattern: string, path: string): boolean {
  return pattern.startsWith('*.') ? path.split('.').slice(1).join('.') === pattern.slice(2) : pattern === path;
}

function matches(pattern: Json, value: Json): boolean {
  if (pattern === '*') return true;
  if (typeof pattern === 'string' && typeof value === 'string') {
    const [head = '', tail] = pattern.split('*');
    return tail === undefined ? head === value : value.startsWith(head) && value.endsWith(tail);
  }
  if (Array.isArray(pattern)) {
    return Array.isArray(value) && pattern.length === value.length && pattern.every((p, i) => matches(p, value[i]));
  }
  if (typeof pattern !== 'object' || pattern === null) return pattern === value;
  if (typeof value !== 'object' || value === null) return false;
  const [wanted, found] = [Object.entries(pattern), new Map(Object.entries(value))];
  return wanted.length === found.size && wanted.every(([key, p]) => matches(p, found.get(key) ?? null));
}
