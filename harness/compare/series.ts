import type { ComparisonSide } from '../model/comparison.ts';
import { type AnswerClass, isValidRun, type Judgement } from '../model/verdict.ts';
import type { CountKind } from '../statistics/between-runs.ts';
import type { Counted } from '../statistics/statistics.ts';

/** One count of every run of both sides. */
export interface CountSeries {
  readonly name: string;
  readonly title: string;
  readonly kind: CountKind;
  readonly unit: 's' | 'operations';
  readonly decides: boolean;
  /** The invariant that it counts violations of. */
  readonly invariant: string | null;
  readonly a: readonly Counted[];
  readonly b: readonly Counted[];
}

type Runs = readonly Judgement[];

/** Runs of each build. */
export interface Sides {
  readonly a: Runs;
  readonly b: Runs;
}

/**
 * Everything that both sides count. Deadlocks, 5xx and the violations of each invariant decide. Their parts, and
 * refused requests by class, inform: a refusal that is wrong is a violation already.
 */
export function seriesOf(
  all: Sides,
  merged: { readonly a: ComparisonSide; readonly b: ComparisonSide },
): CountSeries[] {
  const valid = { a: all.a.filter(isValidRun), b: all.b.filter(isValidRun) };
  return [...plainSeries(valid), ...violationSeries(all, merged), ...fingerprintSeries(valid), ...answerSeries(valid)];
}

/** Violations of these invariants are counts of their own: one event must not be tested twice. */
const COUNTED_AS: Readonly<Record<string, string>> = { 'no-deadlocks': 'deadlocks', 'error-contract': 'http_5xx' };

function plainSeries({ a, b }: Sides): CountSeries[] {
  const common = { kind: 'wrongs', unit: 's', decides: true } as const;
  // The invariant leaves out deadlocks that the harness itself caused.
  const deadlocks = (run: Judgement) =>
    run.invariants.find(({ name }) => name === 'no-deadlocks')?.violations ?? run.counts.deadlocks ?? 0;
  const http5xx = (run: Judgement) => run.counts.http_5xx ?? 0;
  return [
    {
      ...common,
      name: 'deadlocks',
      title: 'deadlocks',
      invariant: 'no-deadlocks',
      a: perSecond(a, deadlocks),
      b: perSecond(b, deadlocks),
    },
    {
      ...common,
      name: 'http_5xx',
      title: '5xx responses',
      invariant: 'error-contract',
      a: perSecond(a, http5xx),
      b: perSecond(b, http5xx),
    },
  ];
}

function perSecond(runs: Runs, of: (run: Judgement) => number): Counted[] {
  return runs.map((run) => ({ count: of(run), exposure: run.load_seconds }));
}

/** Of every invariant that one side violates and both exercised; by variant where both violate it. */
function violationSeries(
  { a, b }: Sides,
  merged: { readonly a: ComparisonSide; readonly b: ComparisonSide },
): CountSeries[] {
  const verdictOn = (side: ComparisonSide, name: string) =>
    side.invariants.find((invariant) => invariant.name === name)?.verdict ?? 'unknown';
  const names = [...new Set([...merged.a.invariants, ...merged.b.invariants].map(({ name }) => name))];
  return names.flatMap((name) => {
    const verdicts = [verdictOn(merged.a, name), verdictOn(merged.b, name)];
    if (name in COUNTED_AS || verdicts.includes('unknown') || !verdicts.includes('fail')) return [];
    const result = (run: Judgement) => run.invariants.find((invariant) => invariant.name === name);
    const violations = (run: Judgement) => result(run)?.violations ?? 0;
    // A violation counts in any run; only a valid run shows that there was none.
    const counts = (run: Judgement) => run.load_seconds > 0 && (isValidRun(run) || violations(run) > 0);
    const [inA, inB] = [a.filter(counts), b.filter(counts)];
    const series = (label: string, title: string, of: (run: Judgement) => number): CountSeries => ({
      name: label,
      title,
      kind: 'wrongs',
      unit: 's',
      decides: true,
      invariant: name,
      a: perSecond(inA, of),
      b: perSecond(inB, of),
    });
    const variants = [...new Set([...inA, ...inB].flatMap((run) => Object.keys(result(run)?.variants ?? {})))].sort();
    if (variants.length < 2 || verdicts.includes('pass')) {
      const by = variants.length === 1 && variants[0] !== undefined ? `,variant:${variants[0]}` : '';
      return [series(`violations{invariant:${name}${by}}`, `violations of ${name}`, violations)];
    }
    return variants.map((variant) =>
      series(
        `violations{invariant:${name},variant:${variant}}`,
        `violations of ${name}, variant ${variant}`,
        (run) => result(run)?.variants?.[variant] ?? 0,
      ),
    );
  });
}

/** Deadlocks by who blocked whom, where there is more than one kind. */
function fingerprintSeries({ a, b }: Sides): CountSeries[] {
  const kinds = [...new Set([...a, ...b].flatMap(({ deadlocks }) => deadlocks.map(({ fingerprint }) => fingerprint)))];
  if (kinds.length < 2) return [];
  return kinds.sort().map((kind) => {
    const of = ({ deadlocks }: Judgement) =>
      deadlocks.filter(({ fingerprint }) => fingerprint === kind).reduce((sum, { left_out }) => sum + 1 + left_out, 0);
    return {
      name: `deadlocks{fingerprint:${kind}}`,
      title: `deadlocks ${kind}`,
      kind: 'wrongs',
      unit: 's',
      decides: false,
      invariant: null,
      a: perSecond(a, of),
      b: perSecond(b, of),
    };
  });
}

/** 4xx and 5xx by request and class, as a share of the requests of that kind: a busier run is not a worse one. */
function answerSeries({ a, b }: Sides): CountSeries[] {
  const answers = [...a, ...b].flatMap(({ classes }) => classes);
  const keyOf = ({ status, kind, class: why }: AnswerClass) => JSON.stringify([status, kind, why]);
  const keys = [...new Map(answers.map((answer) => [keyOf(answer), answer])).entries()];
  return keys
    .sort(([x], [y]) => (x < y ? -1 : 1))
    .map(([key, { status, kind, class: why }]) => {
      const of = ({ classes }: Judgement) =>
        classes.filter((answer) => keyOf(answer) === key).reduce((sum, { count }) => sum + count, 0);
      const sent = ({ latency }: Judgement) => latency.find((summary) => summary.kind === kind)?.count ?? 0;
      const perOperation = (runs: Runs) => runs.map((run) => ({ count: of(run), exposure: sent(run) }));
      // More answers of one kind than ended requests of it cannot be: then the seconds must do.
      const byOperation = [...a, ...b].every((run) => sent(run) > 0 && of(run) <= sent(run));
      return {
        name: `http_${status}{operation:${kind},class:${why}}`,
        title: `${kind} ${status}: ${why}`,
        kind: status >= 500 ? 'wrongs' : 'refusals',
        unit: byOperation ? 'operations' : 's',
        decides: false,
        invariant: null,
        a: byOperation ? perOperation(a) : perSecond(a, of),
        b: byOperation ? perOperation(b) : perSecond(b, of),
      };
    });
}
