import type { ComparisonSide, CountDifference } from '../harness/model/comparison.ts';
import type { Judgement, RefusalCount } from '../harness/model/verdict.ts';
import { type Counted, compareRates, dispersion, holm, pooled, smallestCountSeen, thinnedBy } from './statistics.ts';
import { count, counted, probability, seconds } from './words.ts';

/** Below this, after correction, a difference is not put down to chance. */
export const LEVEL = 0.05;

/** One count of every run of both sides. */
interface Series {
  readonly name: string;
  readonly title: string;
  readonly unit: 's' | 'operations';
  readonly decides: boolean;
  readonly a: readonly Counted[];
  readonly b: readonly Counted[];
}

type Runs = readonly Judgement[];

/** Tests everything that both sides count, over runs that may be believed; corrected for how many tests there are. */
export function testCounts(a: Runs, b: Runs, sides: { a: ComparisonSide; b: ComparisonSide }): CountDifference[] {
  const tested = [...plainSeries(a, b), ...conflictSeries(a, b), ...violationSeries(a, b, sides)].map((series) => {
    const factor = dispersion([series.a, series.b]);
    const [pooledA, pooledB] = [pooled(series.a), pooled(series.b)];
    const test = compareRates(thinnedBy(factor, pooledA), thinnedBy(factor, pooledB));
    return { series, factor, pooledA, pooledB, test };
  });
  // What nobody counted cannot differ, so it takes nothing from the others' level.
  const possible = tested.filter(({ pooledA, pooledB }) => pooledA.count + pooledB.count > 0);
  const adjusted = holm(possible.map(({ test }) => test.p_value));
  return tested.map((one) => {
    const p_adjusted = adjusted[possible.indexOf(one)] ?? 1;
    const { series, factor, pooledA, pooledB, test } = one;
    const ratio = pooledA.count === 0 ? null : pooledB.count / pooledB.exposure / (pooledA.count / pooledA.exposure);
    const more = pooledB.count / pooledB.exposure > pooledA.count / pooledA.exposure ? 'a' : 'b';
    const level = LEVEL / Math.max(1, possible.length);
    const seen = smallestCountSeen(thinnedBy(factor, pooledA), pooledB.exposure, level);
    return {
      kind: 'count',
      name: series.name,
      title: series.title,
      a: pooledA.count,
      b: pooledB.count,
      a_exposure: pooledA.exposure,
      b_exposure: pooledB.exposure,
      exposure_unit: series.unit,
      decides: series.decides,
      better: series.decides && p_adjusted < LEVEL ? more : null,
      p_value: test.p_value,
      p_adjusted,
      ratio,
      interval: test.interval,
      dispersion: factor,
      smallest_count_seen: Math.ceil(seen * factor),
      sentence: `${series.title}: ${change(series.unit, pooledA, pooledB)}, p = ${probability(p_adjusted)}`,
    };
  });
}

/** `8 in 60 s → 0 in 60 s`, `81 of 1,204 → 0 of 1,100`. */
export function change(unit: Series['unit'], a: Counted, b: Counted): string {
  const one = ({ count: n, exposure }: Counted) =>
    unit === 's' ? `${count(n)} in ${seconds(exposure)}` : `${count(n)} of ${count(exposure)}`;
  return `${one(a)} → ${one(b)}`;
}

function perSecond(runs: Runs, of: (run: Judgement) => number): Counted[] {
  return runs.map((run) => ({ count: of(run), exposure: run.load_seconds }));
}

function plainSeries(a: Runs, b: Runs): Series[] {
  const titles = { deadlocks: 'deadlocks', http_5xx: '5xx answers' };
  return Object.entries(titles).map(([name, title]) => {
    const of = (run: Judgement) => run.counts[name] ?? 0;
    return { name, title, unit: 's', decides: true, a: perSecond(a, of), b: perSecond(b, of) };
  });
}

/** A 409 to one of these may be the right answer of a healthy build: an operator asked for what is already there. */
const OPERATOR_KINDS = new Set(['backfill', 'trigger', 'clear', 'mark', 'delete', 'bulk', 'pause', 'pool']);
/** A 409 is what these are owed: that one of them was not refused is an invariant's matter. */
const STRANGER_KINDS = new Set(['stranger_heartbeat', 'stranger_run']);

/** Refusals by the books, which come and go with the schedule and with the server's slowness. */
const EXPLAINED: readonly { readonly label: string; readonly title: string; is(refusal: RefusalCount): boolean }[] = [
  // The task was skipped while it was queued.
  {
    label: 'found:skipped',
    title: 'of skipped tasks',
    is: ({ kind, found_state }) => kind === 'run' && found_state === 'skipped',
  },
  // The first sending was carried out and its answer lost: whether a build forgives the second is an invariant's matter.
  { label: 'replay', title: 'to requests sent again', is: ({ replay }) => replay },
];

function conflictSeries(a: Runs, b: Runs): Series[] {
  const conflicts = [...a, ...b].flatMap(({ refusals }) => refusals.filter(({ status }) => status === 409));
  const kinds = [...new Set(conflicts.map(({ kind }) => kind))].sort();
  return kinds.flatMap((kind) => {
    const decides = !OPERATOR_KINDS.has(kind) && !STRANGER_KINDS.has(kind);
    const usual = conflictsOf(a, b, kind, (refusal) => !EXPLAINED.some(({ is }) => is(refusal)));
    const explained = EXPLAINED.filter(({ is }) => conflicts.some((refusal) => refusal.kind === kind && is(refusal)));
    return [
      { ...usual, name: `http_409{operation:${kind}}`, title: `${kind} 409s`, decides },
      ...explained.map(({ label, title, is }) => ({
        ...conflictsOf(a, b, kind, is),
        name: `http_409{operation:${kind},${label}}`,
        title: `${kind} 409s ${title}`,
        decides: false,
      })),
    ];
  });
}

type Exposed = Pick<Series, 'unit' | 'a' | 'b'>;

/** Out of the operations of the kind where both sides counted them, so that a busier run is not a worse one. */
function conflictsOf(a: Runs, b: Runs, kind: string, counts: (refusal: RefusalCount) => boolean): Exposed {
  const of = ({ refusals }: Judgement) =>
    refusals
      .filter((refusal) => refusal.status === 409 && refusal.kind === kind && counts(refusal))
      .reduce((sum, refusal) => sum + refusal.count, 0);
  const sent = ({ latency }: Judgement) => latency.find((summary) => summary.kind === kind)?.count ?? 0;
  if (![...a, ...b].every((run) => sent(run) > 0)) return { unit: 's', a: perSecond(a, of), b: perSecond(b, of) };
  const perOperation = (runs: Runs) => runs.map((run) => ({ count: of(run), exposure: sent(run) }));
  return { unit: 'operations', a: perOperation(a), b: perOperation(b) };
}

/** These invariants' violations are counts above, and one event must not be tested twice. */
const COUNTED_ABOVE = new Set(['no-deadlocks', 'error-contract']);

/** Where both sides break a promise: how often, by path where the paths are told apart. */
function violationSeries(a: Runs, b: Runs, sides: { a: ComparisonSide; b: ComparisonSide }): Series[] {
  const brokenOnB = new Set(broken(sides.b));
  const names = broken(sides.a).filter((name) => brokenOnB.has(name) && !COUNTED_ABOVE.has(name));
  return names.flatMap((name) => {
    const result = (run: Judgement) => run.invariants.find((invariant) => invariant.name === name);
    const paths = [...new Set([...a, ...b].flatMap((run) => Object.keys(result(run)?.paths ?? {})))].sort();
    const series = (label: string, title: string, of: (run: Judgement) => number): Series => {
      return { name: label, title, unit: 's', decides: true, a: perSecond(a, of), b: perSecond(b, of) };
    };
    if (paths.length === 0) {
      const of = (run: Judgement) => result(run)?.violations ?? 0;
      return [series(`violations{invariant:${name}}`, `violations of ${name}`, of)];
    }
    return paths.map((path) =>
      series(
        `violations{invariant:${name},path:${path}}`,
        `violations of ${name} by ${path}`,
        (run) => result(run)?.paths?.[path] ?? 0,
      ),
    );
  });
}

function broken({ invariants }: ComparisonSide): string[] {
  return invariants.filter(({ verdict }) => verdict === 'fail').map(({ name }) => name);
}

/** What these runs could have seen of a count, for the sentence beside "no difference seen". */
export function sensitivity({ title, b_exposure, exposure_unit, smallest_count_seen }: CountDifference): string {
  const unit = exposure_unit === 's' ? `in ${seconds(b_exposure)}` : `of ${counted(b_exposure, 'operation')}`;
  return `${title} from ${count(smallest_count_seen)} ${unit} on`;
}
