import { isSince, lineOf } from '../model/airflow/releases.ts';

/**
 * What Airflow's own worker of a release does where releases differ: its client, and the supervisor that has a task's
 * process as its child. test/fidelity holds all of it to what the real ones were seen to send.
 */
export interface WorkerClient {
  /** Of each request, names and values in turn. */
  readonly headers: readonly string[];
  /** A heartbeat without a good answer is sent again, as any other request. */
  readonly retriesBeats: boolean;
  /** After so many failed heartbeats in a row the supervisor ends the task. */
  readonly failedBeats: number;
  /** Statuses of a heartbeat by which the server takes the task away; other refusals are failed heartbeats. */
  readonly takesAway: readonly number[];
  /** From SIGTERM to SIGKILL where the server has taken the task away, milliseconds. */
  readonly cleanupMs: number;
  /** A request of the task without any answer makes the supervisor itself fail; else the task learns of it. */
  readonly failsWithoutAnswer: boolean;
  /** Rendered fields of a try that is gone (410) are not an error. */
  readonly ignoresGoneFields: boolean;
  /**
   * A request that is refused after the task's own code (a skip, a trigger) ends its process with an error, and its end
   * is left to the supervisor.
   */
  readonly diesOfRefusal: boolean;
  /** A task that triggers a run pushes the link to it before, too. */
  readonly linksFirst: boolean;
  /** A deferral names the triggerer's queue. */
  readonly namesTriggerQueue: boolean;
  /** What follows an end report that was not accepted, when the task's process has ended. */
  readonly second: 'failed' | 'again';
  /**
   * A retry is reported when the process has ended; so is that it ended because the server took the task away, also by
   * refusing its end.
   */
  readonly reportsAfterExit: boolean;
  /** Arguments of triggers are plain JSON; else as Airflow serializes them. */
  readonly plainTriggers: boolean;
  /** Sends the name of a mapped task as soon as it is rendered, not only in its end report. */
  readonly namesMapIndex: boolean;
  /** Fields of an end report that lives leave null. */
  readonly ofSuccess: Readonly<Record<string, null>>;
  readonly ofRetry: Readonly<Record<string, null>>;
  readonly ofFailure: Readonly<Record<string, null>>;
}

interface Generation extends Omit<WorkerClient, 'headers'> {
  /** The first release of which the worker is like this. */
  readonly since: string;
}

const FIRST: Generation = {
  since: '3.1.0',
  retriesBeats: true,
  failedBeats: 3,
  takesAway: [404, 409],
  cleanupMs: 5_000,
  failsWithoutAnswer: true,
  ignoresGoneFields: false,
  diesOfRefusal: true,
  linksFirst: false,
  namesTriggerQueue: false,
  second: 'failed',
  reportsAfterExit: false,
  plainTriggers: false,
  namesMapIndex: false,
  ofSuccess: {},
  ofRetry: {},
  ofFailure: {},
};
const OF_3_2_0: Generation = {
  ...FIRST,
  since: '3.2.0',
  takesAway: [404, 409, 410],
  plainTriggers: true,
  namesTriggerQueue: true,
  namesMapIndex: true,
};
const OF_3_2_2: Generation = { ...OF_3_2_0, since: '3.2.2', failsWithoutAnswer: false, second: 'again' };
const OF_3_3: Generation = {
  ...OF_3_2_2,
  since: '3.3.0',
  ignoresGoneFields: true,
  diesOfRefusal: false,
  linksFirst: true,
  ofRetry: { retry_delay_seconds: null, retry_reason: null },
};
const OF_3_4: Generation = {
  ...OF_3_3,
  since: '3.4.0',
  retriesBeats: false,
  failedBeats: 30,
  cleanupMs: 60_000,
  reportsAfterExit: true,
  ofSuccess: { loop_decision: null },
  ofFailure: { retry_reason: null },
};
/** Newest first. Between the releases that are recorded, one is taken to be like the one before it. */
const GENERATIONS = [OF_3_4, OF_3_3, OF_3_2_2, OF_3_2_0, FIRST];
/** What the reference stack imitates. */
const OF_REFERENCE = OF_3_3;

/**
 * The worker of an Airflow version such as `3.4.0b2`; one that is newer than all that are known is like the newest.
 * With undefined, that of the reference stack.
 */
export function workerClient(version: string | undefined): WorkerClient {
  const { since: _, ...generation } =
    version === undefined ? OF_REFERENCE : (GENERATIONS.find(({ since }) => isSince(version, since)) ?? FIRST);
  // Of the Task SDK, which is numbered 1.1.8 where Airflow is 3.1.8.
  const sdk = `apache-airflow-task-sdk/${(version ?? '3.3.2').replace(/^3/, '1')} (windtunnel)`;
  const headers = {
    accept: '*/*',
    'accept-encoding': 'gzip, deflate',
    'user-agent': sdk,
    'airflow-api-version': lineOf(version).executionApi,
  };
  return { ...generation, headers: Object.entries(headers).flat() };
}
