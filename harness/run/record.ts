import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fleetHazards } from '../faults/index.ts';
import { Nemesis } from '../faults/nemesis.ts';
import { type K6Options, openK6 } from '../fleet/engines/k6.ts';
import { Fleet } from '../fleet/fleet.ts';
import { Operators } from '../fleet/operators.ts';
import { messageOf, StackError } from '../model/errors.ts';
import type { Manifest } from '../model/manifest.ts';
import type { LiveNumbers } from '../model/progress.ts';
import type { Plan } from '../model/scenario.ts';
import type { Stack, SupervisedProcess } from '../model/stack.ts';
import type { SampleMetric } from '../model/tables.ts';
import { CommitStream } from '../record/commits.ts';
import { Probes } from '../record/probes.ts';
import { ServerLog } from '../record/server-log.ts';
import { takeSnapshot } from '../record/snapshot.ts';
import type { RunClock } from '../run-folder/clock.ts';
import type { RunFolder } from '../run-folder/writer.ts';
import type { DagFolder } from '../stacks/dag-folder.ts';
import { withClient } from '../system/postgres-client.ts';
import { together } from './errgroup.ts';
import { comeToRest } from './quiesce.ts';
import { Supervisor } from './supervisor.ts';

/** Executors look for the harness twice a second; a scheduler that has not come by then has no hand-off executor. */
const CONNECT_MS = 60_000;
const DAGS_MS = 60_000;
/** Lives under way when the load ends may finish; what is still open then is `run-ended`, which accuses nobody. */
const SETTLE_MS = 6_000;

export interface RunParts {
  readonly plan: Plan;
  readonly stack: Stack;
  readonly dags: DagFolder;
  readonly record: RunFolder;
  readonly clock: RunClock;
  /** How long lives under way may take to end when the load is over; by default 6 s. */
  readonly settleMs?: number;
  /** Plays the lives on k6 instead of here. */
  readonly k6?: K6Options;
  /** What the harness runs beside itself: its processor time and its memory are the harness's. */
  readonly helpers?: () => readonly SupervisedProcess[];
  progress(phase: Phase, detail?: string): void;
  /** Given once, before the load: what the live line shows. */
  onNumbers(read: () => LiveNumbers): void;
}

export type Phase = 'connecting' | 'load' | 'settling' | 'snapshot';

/**
 * The story of a run: everything is written down, nothing is judged. `signal` ends the load early; what was recorded
 * until then is closed in order, so that it can be judged.
 */
export async function execute(parts: RunParts, signal: AbortSignal): Promise<Manifest['ended']> {
  const { stack, record, clock, progress } = parts;
  const trouble = new AbortController();
  const stop = AbortSignal.any([signal, trouble.signal, record.failed]);
  const watching = new AbortController();
  progress('connecting');
  const actors = await openActors(parts, (error) => trouble.abort(error), watching.signal, stop);
  const { commits, fleet, operators, probes, supervisor, nemesis } = actors;
  let probing: Promise<void> = Promise.resolve();
  try {
    await commits.start((error) => trouble.abort(error));
    await probes.start();
    probing = probes.run(watching.signal);
    supervisor.start();
    parts.onNumbers(() => ({
      ...fleet.numbers.totals,
      live: startedLives(fleet),
      deadlocks: probes.deadlocks,
      latency: fleet.numbers.latency,
      lastFailure: fleet.numbers.lastFailure,
      faults: nemesis.open,
    }));

    // Before the DAGs are there: what is queued first is queued by these rules, too.
    await operators.prepare(stop);
    await parts.dags.publish();
    await waitForSchedulers(fleet, stack.schedulers, stop);
    await waitForDags(parts, stop);

    progress('load');
    await record.updateManifest({ load_started_ms: clock.now() });
    await load(parts, operators, nemesis, stop);
    await record.updateManifest({ load_ended_ms: clock.now() });

    if (trouble.signal.aborted) throw trouble.signal.reason;
    if (record.failed.aborted) throw record.failed.reason;
    progress('settling');
    await nemesis.awaitRecovery(stop);
    await settle(parts, fleet, operators, stop);
    return signal.aborted ? 'interrupted' : 'completed';
  } finally {
    // However it ended: lives first, then what records them, so that the last word of each is on disk.
    await fleet.close();
    await operators.close();
    // Who wants the run to end now does not wait for it; then what is not settled stays open.
    if (!stop.aborted) await attempt('see the API servers at rest', () => comeToRest(stack, record, clock), parts);
    await attempt('read the last samples', () => probes.read(), parts);
    watching.abort();
    await probing;
    progress('snapshot');
    await closeRecord(parts, actors);
  }
}

interface Actors {
  readonly commits: CommitStream;
  readonly log: ServerLog;
  readonly fleet: Fleet;
  readonly operators: Operators;
  readonly probes: Probes;
  readonly supervisor: Supervisor;
  readonly nemesis: Nemesis;
}

async function openActors(
  parts: RunParts,
  onError: (error: Error) => void,
  over: AbortSignal,
  stop: AbortSignal,
): Promise<Actors> {
  const { plan, stack, record, clock, k6, helpers } = parts;
  const { dagNamespace, dsn } = stack;
  const commits = new CommitStream(dsn, record, clock, `${dagNamespace}wt_`);
  const { executionUrls, handOffAddress } = stack;
  // First, because it may fail, and then nothing listens yet that would have to be closed.
  const publicToken = await stack.publicToken();
  const windows = () => {
    const begunMs = record.manifest.load_started_ms;
    return begunMs === null ? [] : fleetHazards(plan.faults ?? [], begunMs);
  };
  const fleet = await Fleet.open({
    plan,
    executionUrls,
    handOffAddress,
    dagNamespace,
    record,
    clock,
    onError,
    engine: async (own) => {
      return k6 && openK6(k6, own, { executionUrls, clock, record, windows, onError, stop });
    },
  });
  const { numbers } = fleet;
  const live = () => fleet.live;
  const { publicUrl } = stack;
  const operators = new Operators({ plan, publicUrl, publicToken, dagNamespace, record, clock, numbers, live });
  const disturbable = { fleet: fleet.hazards, operators, executor: fleet.endNews };
  const supervisor = new Supervisor({ stack, record, clock, fail: onError, over });
  const hold = (name: string) => supervisor.hold(name);
  return {
    commits,
    log: new ServerLog(stack.logs, record, clock),
    fleet,
    operators,
    probes: new Probes({
      dsn,
      processes: () => stack.processes,
      helpers: helpers ?? (() => []),
      record,
      clock,
      fleet: () => fleetSamples(fleet, commits),
    }),
    supervisor,
    nemesis: new Nemesis({ faults: plan.faults ?? [], stack, hold, record, clock, ...disturbable }),
  };
}

async function closeRecord(parts: RunParts, { commits, probes, log }: Actors): Promise<void> {
  const { stack, record } = parts;
  await attempt('take the snapshot', () => takeSnapshot(stack.dsn, `${stack.dagNamespace}wt_`, record), parts);
  await attempt('close the commit stream', () => commits.stop({ restore: stack.outlivesRun }), parts);
  await attempt('close the probe', () => probes.close(), parts);
  log.close();
  await record.flush();
}

/** Load, churn, operators and faults until the scenario's time is up or `stop`. */
async function load(parts: RunParts, operators: Operators, nemesis: Nemesis, stop: AbortSignal): Promise<void> {
  const { scenario } = parts.plan;
  const over = new AbortController();
  await together(AbortSignal.any([stop, over.signal]), [
    (s) => operators.run(s),
    (s) => churn(parts, s),
    (s) => nemesis.run(s),
    // Workers need no driver: lives begin as the schedulers hand workloads over. This only measures the time.
    async (s) => {
      await sleep(scenario.duration_s * 1000, undefined, { signal: s }).catch(() => undefined);
      over.abort();
    },
  ]);
}

async function churn({ plan, dags, clock }: RunParts, signal: AbortSignal): Promise<void> {
  const { churn } = plan.scenario;
  if (!churn) return;
  for (let due = clock.now() + churn.every_ms; !signal.aborted; due += churn.every_ms) {
    await sleep(Math.max(0, due - clock.now()), undefined, { signal }).catch(() => undefined);
    if (!signal.aborted) await dags.bumpRevision(churn.dags);
  }
}

/** No new work, then time for the lives under way. */
async function settle(
  { plan, clock, stack, settleMs = SETTLE_MS }: RunParts,
  fleet: Fleet,
  operators: Operators,
  stop: AbortSignal,
): Promise<void> {
  const until = clock.now() + settleMs;
  fleet.willClose(until);
  const deadline = AbortSignal.timeout(settleMs);
  setMaxListeners(0, deadline);
  await operators
    .pauseDags(
      plan.scenario.dags.map((dag) => `${stack.dagNamespace}${dag.dag_id}`),
      deadline,
    )
    .catch(() => undefined);
  while (fleet.live.length > 0 && clock.now() < until && !stop.aborted) await sleep(100);
}

async function waitForSchedulers(fleet: Fleet, wanted: number, signal: AbortSignal): Promise<void> {
  for (let waited = 0; fleet.schedulers < wanted; waited += 100) {
    if (signal.aborted) throw signal.reason;
    if (waited > CONNECT_MS) {
      throw new StackError(
        `Only ${fleet.schedulers} of ${wanted} schedulers connected to the dispatcher within ${CONNECT_MS / 1000} s.`,
      );
    }
    await sleep(100);
  }
}

/** The load begins when Airflow knows the DAGs: before that there is nothing that it could be loaded with. */
async function waitForDags({ plan, stack }: RunParts, signal: AbortSignal): Promise<void> {
  const wanted = plan.scenario.dags.map((dag) => `${stack.dagNamespace}${dag.dag_id}`);
  for (let waited = 0; ; waited += 250) {
    if (signal.aborted) throw signal.reason;
    const known = await withClient(stack.dsn, async (client) => {
      const { rows } = await client.query<{ n: string }>(
        'SELECT count(*) AS n FROM serialized_dag WHERE dag_id = ANY($1)',
        [wanted],
      );
      return Number(rows[0]?.n ?? 0);
    });
    if (known >= wanted.length) return;
    if (waited > DAGS_MS) {
      throw new StackError(
        `Airflow knows ${known} of the ${wanted.length} DAGs written to ${stack.dagsFolder} after ${DAGS_MS / 1000} s: does its dag-processor read that folder?`,
      );
    }
    await sleep(250);
  }
}

function startedLives(fleet: Fleet): number {
  return fleet.live.filter((life) => life.startedMs !== null).length;
}

function fleetSamples(fleet: Fleet, commits: CommitStream): Partial<Record<SampleMetric, number>> {
  const { sent, inFlight } = fleet.numbers.totals;
  const { connections } = fleet;
  return {
    ...(connections ? { connection_limit: connections.limit, connections_waiting: connections.waiting } : {}),
    live_lives: startedLives(fleet),
    handed: fleet.handed,
    requests_in_flight: inFlight,
    sent,
    commit_lag_ms: commits.lagMs,
  };
}

/** Closing goes on whatever fails; what failed is in the record, where the judge's assumptions find it. */
async function attempt(what: string, deed: () => Promise<void>, { record, clock }: RunParts): Promise<void> {
  try {
    await deed();
  } catch (error) {
    record.append('server_log', {
      at_ms: clock.now(),
      source: 'harness',
      severity: 'ERROR',
      message: `could not ${what}: ${messageOf(error)}`,
    });
  }
}
