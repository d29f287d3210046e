import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

import type { Judgement } from '../../harness/model/verdict.ts';
import { invariant, judgement } from '../../harness/testing/fixture.ts';
import { answerClass, deadlock } from '../../harness/testing/fixture-evidence.ts';

/** What a comparison reads of a run, a line each: small enough to be kept, unlike the runs. */
export const POOL = path.join(import.meta.dirname, 'runs.ndjson');

/** Runs of one build that played the same scenario equally long, one after another: they differ at random only. */
export interface Group {
  readonly name: string;
  readonly runs: readonly Judgement[];
}

export function readPool(): Group[] {
  if (!existsSync(POOL)) return [];
  const groups = new Map<string, Judgement[]>();
  for (const line of readFileSync(POOL, 'utf8').trim().split('\n')) {
    const { batch, ...slim } = JSON.parse(line) as SlimRun & { readonly batch: string };
    const run = fattened(slim);
    const name = `${run.build}, ${run.scenario}, ${Math.round(run.load_seconds / 10) * 10} s, ${batch}`;
    groups.set(name, [...(groups.get(name) ?? []), run]);
  }
  return [...groups]
    .map(([name, runs]) => ({ name, runs }))
    .filter(({ runs }) => runs.length >= 2)
    .sort((x, y) => (x.name < y.name ? -1 : 1));
}

type Slimmed = 'build' | 'scenario' | 'seed' | 'verdict' | 'counts' | 'latency' | 'measures' | 'load_seconds';
type SlimRun = Pick<Judgement, Slimmed> & {
  readonly invariants: readonly Pick<
    Judgement['invariants'][number],
    'name' | 'verdict' | 'violations' | 'variants' | 'aimed'
  >[];
  readonly assumptions: readonly Pick<Judgement['assumptions'][number], 'name' | 'verdict'>[];
  readonly classes: readonly Pick<Judgement['classes'][number], 'status' | 'kind' | 'class' | 'count'>[];
  readonly deadlocks: readonly Pick<Judgement['deadlocks'][number], 'fingerprint' | 'left_out'>[];
};

export function slimmed(run: Judgement): SlimRun {
  const { build, scenario, seed, verdict, counts, latency, load_seconds, measures } = run;
  return {
    build,
    scenario,
    seed,
    verdict,
    load_seconds,
    ...(measures ? { measures } : {}),
    counts: { deadlocks: counts.deadlocks ?? 0, http_5xx: counts.http_5xx ?? 0, operations: counts.operations ?? 0 },
    latency: latency.map((one) => ({
      ...one,
      p50_ms: Math.round(one.p50_ms),
      p95_ms: Math.round(one.p95_ms),
      p99_ms: Math.round(one.p99_ms),
      max_ms: Math.round(one.max_ms),
    })),
    invariants: run.invariants.map(({ name, verdict: one, violations, variants, aimed }) => ({
      name,
      verdict: one,
      violations,
      aimed,
      ...(variants && violations > 0 ? { variants } : {}),
    })),
    assumptions: run.assumptions.map(({ name, verdict: one }) => ({ name, verdict: one })),
    classes: run.classes.map(({ status, kind, class: why, count }) => ({ status, kind, class: why, count })),
    deadlocks: run.deadlocks.map(({ fingerprint, left_out }) => ({ fingerprint, left_out })),
  };
}

/** What nothing of a comparison reads is as in any literal judgement, or empty. */
function fattened({ invariants, assumptions, classes, deadlocks, ...slim }: SlimRun): Judgement {
  return {
    ...judgement({ findings: [], thresholds: [], refusals: [], timeline: [], faults: [] }),
    first_violation_s: null,
    harness_cpu_share: null,
    ...slim,
    invariants: invariants.map((one) => ({ ...invariant(one.name, one.verdict), ...one })),
    assumptions: assumptions.map((one) => ({ claim: '', sentence: '', ...one })),
    classes: classes.map((one) => answerClass({ ...one, reason: '', found_state: '' })),
    deadlocks: deadlocks.map((one) => ({ ...deadlock(0), sides: [], ...one })),
  };
}
