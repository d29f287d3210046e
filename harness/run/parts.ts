import { parse } from 'pg-connection-string';

import { fleetHazards } from '../faults/index.ts';
import { Nemesis } from '../faults/nemesis.ts';
import { CompletionNotifier } from '../fleet/completion-notifier.ts';
import { CuedEngine } from '../fleet/engines/cued.ts';
import type { Engine } from '../fleet/engines/engine.ts';
import { openK6 } from '../fleet/engines/k6.ts';
import { NativeEngine } from '../fleet/engines/native.ts';
import { openRealWorkers } from '../fleet/engines/real/real.ts';
import { Fleet } from '../fleet/fleet.ts';
import { RunOperationLog } from '../fleet/operation-log.ts';
import { Operators } from '../fleet/operators.ts';
import { Dispatcher } from '../handoff/dispatcher.ts';
import type { Welcome } from '../handoff/protocol.ts';
import { actionWords } from '../judge/action-words.ts';
import type { LiveNumbers } from '../model/progress.ts';
import type { Recorder } from '../model/run-context.ts';
import { note } from '../model/run-context.ts';
import { executorBehaviourOf, type Scenario } from '../model/scenario.ts';
import type { Sighting } from '../model/sighting.ts';
import type { Stack, SupervisedProcess } from '../model/stack.ts';
import type { SampleMetric } from '../model/tables.ts';
import { CommitStream } from '../record/commits.ts';
import { DatabaseClock } from '../record/database-clock.ts';
import { DiscreetRecord } from '../record/discreet-record.ts';
import { Outages } from '../record/outages.ts';
import { Probes } from '../record/probes.ts';
import { ServerLog } from '../record/server-log.ts';
import { Sightings } from '../record/sightings/sightings.ts';
import { DagFolder, type Dags } from '../stacks/dag-folder.ts';
import { withClient } from '../system/postgres-client.ts';
import { workerClient } from '../worker/client.ts';
import { Hazards } from '../worker/hazards.ts';
import { k6Options } from './k6.ts';
import { realWorkersOptions } from './real-workers.ts';
import type { RunSession } from './session.ts';
import { Supervisor } from './supervisor.ts';

/** The parts of a run. They do not know each other: what one needs of another is passed here. */
export interface Parts {
  readonly dags: Dags;
  readonly commits: CommitStream;
  readonly serverLog: ServerLog;
  readonly operationLog: RunOperationLog;
  readonly engine: Engine;
  readonly fleet: Fleet;
  readonly dispatcher: Dispatcher;
  readonly operators: Operators;
  readonly probes: Probes;
  readonly supervisor: Supervisor;
  readonly nemesis: Nemesis;
  readonly sightings: Sightings;
  readonly outages: Outages;
}

/**
 * Makes the parts of a run. `observing`: aborted when the supervisor has nothing to watch any more. Nothing listens yet
 * if it rejects.
 */
export async function openParts(session: RunSession, stack: Stack, observing: AbortSignal): Promise<Parts> {
  const { plan, clock, table } = session;
  const { dagNamespace, dsn, publicUrl } = stack;
  const databaseClock = new DatabaseClock(session.record, clock);
  // Before the first time of PostgreSQL is read.
  await withClient(dsn, (client) => databaseClock.read(client));
  const sightings = openSightings(session, databaseClock);
  // What passes through it is recorded, and read for what is worth a sentence.
  const isShared = 'target' in session.subject;
  const outages = new Outages(isShared ? discreet(sightings, session, stack) : sightings, clock);
  const record: Recorder = outages;
  const carried = session.spec.shared?.carried;
  const { dagsFolder } = stack;
  const given = carried?.dags ?? session.spec.dags?.(dagsFolder);
  const dags = given ?? new DagFolder(dagsFolder, plan.scenario.dags, dagNamespace, stack);
  if (!carried) for (const file of dags.files) table.file(file);
  const publicToken = stack.ready.then(() => stack.publicToken());
  // Awaited when the operators get ready.
  publicToken.catch(() => undefined);

  const operationLog = new RunOperationLog(record);
  const hazards = new Hazards();
  const helpers: SupervisedProcess[] = [];
  const engine = await openEngine(session, stack, { operationLog, hazards, helpers });
  const completions = new CompletionNotifier();
  const release = stack.identity.airflow;
  const fleet = new Fleet(session, { dagNamespace, engine, hazards, completions, release });
  operationLog.onFailed = (operation) => fleet.failed(operation);
  const dispatcher = await openDispatcher(session, stack, { engine, fleet, completions });
  const live = () => fleet.live;
  const operators = new Operators(session, { publicUrl, publicToken, dagNamespace, operationLog, live });

  const dagPrefix = `${dagNamespace}wt_`;
  const commits = new CommitStream({ dsn, run: table.id, record, clock, databaseClock, dagPrefix, isShared });
  const supervisor = new Supervisor({ record, clock, fail: session.fail }, stack, observing);
  const hold = (name: string) => supervisor.hold(name);
  const targets = { fleet: hazards, operators, executor: completions };
  const nemesis = new Nemesis({ faults: plan.faults ?? [], stack, hold, record, clock, ...targets });
  const probes = new Probes({
    dsn,
    processes: () => stack.processes,
    helpers: () => helpers,
    record,
    clock,
    databaseClock,
    outages,
    fleet: () => fleetSamples({ engine, fleet, operationLog, commits }),
  });
  const serverLog = new ServerLog(stack.logs, record, clock, databaseClock);
  return {
    dags,
    commits,
    serverLog,
    operationLog,
    engine,
    fleet,
    dispatcher,
    operators,
    probes,
    supervisor,
    nemesis,
    sightings,
    outages,
  };
}

function discreet(record: Recorder, { plan }: RunSession, { dsn, dagNamespace }: Stack): Recorder {
  const { database, user } = parse(dsn);
  const taskIds = new Set(plan.scenario.dags.flatMap(({ tasks }) => tasks.map(({ task_id }) => task_id)));
  return new DiscreetRecord(record, { database: database ?? user ?? '', dagPrefix: `${dagNamespace}wt_`, taskIds });
}

function openSightings({ record, clock, progress }: RunSession, databaseClock: DatabaseClock): Sightings {
  const say = (seen: Sighting) => {
    const { load_started_ms: begunMs } = record.manifest;
    progress.sighting(seen, begunMs === null ? null : (seen.at_ms - begunMs) / 1000);
  };
  return new Sightings({ record, clock, databaseClock, actions: actionWords, say });
}

async function openEngine(
  session: RunSession,
  { executionUrls, workers, identity }: Stack,
  { operationLog, hazards, helpers }: { operationLog: RunOperationLog; hazards: Hazards; helpers: SupervisedProcess[] },
): Promise<Engine> {
  const { plan, record, clock, stop, spec } = session;
  if (!spec.engine || 'realWorkers' in spec.engine) {
    const { fleet } = plan.scenario;
    const { headers } = workerClient(fleet.release ?? identity.airflow);
    const options = { fleet, headers, executionUrls, clock, operationLog, hazards };
    if (spec.script) return new CuedEngine(options);
    const native = new NativeEngine(options);
    if (!spec.engine) return native;
    const real = {
      ...realWorkersOptions(spec.engine.realWorkers, workers, session),
      isAll: spec.engine.isAll === true,
    };
    return openRealWorkers(session, { ...real, others: native, executionUrls, operationLog, hazards });
  }
  const windows = () => {
    const begunMs = record.manifest.load_started_ms;
    return begunMs === null ? [] : fleetHazards(plan.faults ?? [], begunMs);
  };
  const options = k6Options(spec.engine, session, helpers);
  return openK6(session, options, { executionUrls, operationLog, hazards, windows, stop });
}

async function openDispatcher(
  session: RunSession,
  { handOffAddress, handOffToken: token }: Stack,
  { engine, fleet, completions }: Pick<Parts, 'engine' | 'fleet'> & { completions: CompletionNotifier },
): Promise<Dispatcher> {
  try {
    return await Dispatcher.listen({
      address: handOffAddress,
      // A target that names another host says `i_own_this`; what we start ourselves has a socket file.
      elsewhere: true,
      token,
      welcome: welcomeOf(session.plan.scenario),
      accepts: (workload, from) => fleet.accepts(workload, from),
      onWorkload: (workload, from, delivery) => fleet.begin(workload, from, delivery),
      onRevoke: (_key, delivery) => fleet.revoke(delivery),
      revokeTakesMs: () => completions.revokeTakesMs(),
      onError: session.fail,
      onRefused: (why) => note(session, 'WARNING', why),
    });
  } catch (error) {
    await engine.close();
    throw error;
  }
}

function welcomeOf(scenario: Scenario): Welcome {
  const behaviour = executorBehaviourOf(scenario);
  return { behaviour, task_uuid: scenario.executor_task_uuid ?? behaviour !== 'calm' };
}

/** For the live line. */
export function liveNumbers({ operationLog, fleet, probes, nemesis }: Parts): LiveNumbers {
  return {
    ...operationLog.totals,
    live: fleet.working,
    deadlocks: probes.deadlocks,
    latency: operationLog.latency,
    lastFailure: operationLog.lastFailure,
    faults: nemesis.open,
  };
}

function fleetSamples({
  engine: { connections },
  fleet,
  operationLog,
  commits,
}: Pick<Parts, 'engine' | 'fleet' | 'operationLog' | 'commits'>): Partial<Record<SampleMetric, number>> {
  const { sent, inFlight } = operationLog.totals;
  return {
    ...(connections ? { connection_limit: connections.limit, connections_waiting: connections.waiting } : {}),
    live_lives: fleet.working,
    handed: fleet.begun,
    requests_in_flight: inFlight,
    sent,
    commit_lag_ms: commits.lagMs,
  };
}
