import type { Manifest } from '../harness/model/manifest.ts';
import { executorBehaviourOf } from '../harness/model/scenario.ts';
import type { Judgement } from '../harness/model/verdict.ts';
import { count, milliseconds, percent } from './words.ts';

/** Under which conditions a run was made: what was tested, on which machine, and what the harness used of it. */

/** What the harness took from the machine that it shares with the stack. */
export function harnessCost(judgement: Judgement, manifest: Manifest): string {
  const { harness_cpu_share: share } = judgement;
  const { cpus } = manifest.machine;
  if (share === null) return 'The CPU time of the harness was not sampled.';
  return (
    `The harness used ${percent(share)} of the machine’s ${count(cpus)} CPUs during the load; ` +
    'the rest was available to the stack.'
  );
}

/** What the harness took and how it kept up, as far as it was sampled. */
export function harnessFacts({ harness }: Judgement): [string, string][] {
  const { cpu_s, peak_rss_bytes, loop_delay_ms, late_p99_ms, late_max_ms, commit_lag_ms } = harness;
  const { gc_pause_ms, cpu_wait_share, recorder_behind_ms, connections_waiting, ports_share } = harness;
  const known = (name: string, value: number | null, words: (value: number) => string): [string, string][] =>
    value === null ? [] : [[name, words(value)]];
  const ms = (value: number) => `${milliseconds(value)} ms`;
  return [
    ...known('CPU time', cpu_s, (value) => `${value.toFixed(1)} s`),
    ...known('memory, maximum', peak_rss_bytes, (value) => `${count(value / 2 ** 20)} MiB`),
    ...known('longest pause', loop_delay_ms, ms),
    ...known('longest garbage collection', gc_pause_ms, ms),
    ...known('waited for a processor', cpu_wait_share, (value) => `${percent(value)} of the time`),
    ...known('lateness of requests, p99', late_p99_ms, ms),
    ...known('lateness of requests, maximum', late_max_ms, ms),
    ...known('commit stream lag, maximum', commit_lag_ms, ms),
    ...known('recorder lag, maximum', recorder_behind_ms, ms),
    ...known('requests waiting for a connection, maximum', connections_waiting, count),
    ...known('ephemeral ports in use, maximum', ports_share, percent),
  ];
}

/** Airflow's own workers: `[workers] min_heartbeat_interval`, and up to twice that. */
const REAL_BEATS_S = '5 to 10 s';

/** What a number per minute is of. */
function ratesOf({ plan }: Manifest): string {
  const { heartbeat_ms, release } = plan.scenario.fleet;
  const [from, to] = [heartbeat_ms, 2 * heartbeat_ms].map((ms) => (ms / 1_000).toPrecision(2));
  const workers = release === undefined ? 'workers' : `workers of ${release}`;
  return (
    `of this load, not of production: ${workers} that send a heartbeat every ${from} to ${to} s ` +
    `(Airflow’s own: every ${REAL_BEATS_S}), on short tasks`
  );
}

/** What was tested, where and with what. */
export function provenance(judgement: Judgement, manifest: Manifest): [string, string][] {
  const { machine } = manifest;
  const gibibytes = (machine.memory_bytes / 2 ** 30).toFixed(1);
  return [
    ['build', judgement.build],
    ...Object.entries(manifest.identity),
    ['scenario', `${judgement.scenario}, seed ${judgement.seed}`],
    ['started', manifest.started_at],
    ['ended', manifest.ended ?? 'the harness was killed before the end'],
    ['machine', `${machine.platform} ${machine.arch}, ${count(machine.cpus)} CPUs, ${gibibytes} GiB`],
    ['windtunnel', `${manifest.windtunnel} on Node ${manifest.node}`],
    ['executor behaves as', executorBehaviourOf(manifest.plan.scenario)],
    ['rates', ratesOf(manifest)],
    ...(manifest.engine === undefined ? [] : [['workers played by', manifest.engine] satisfies [string, string]]),
    ['run', judgement.run],
  ];
}
