import type { Wire } from './wire.ts';

/** A process on this machine, with its log: what watches it or breaks it needs no more. */
export interface SupervisedProcess {
  readonly name: string;
  readonly pid: number;
  readonly log: string;
  /** Resolves with a sentence when the process has ended, however it ended. */
  readonly ended: Promise<string>;
}

/** What a process is started with. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** A running build, whether we started it or not: what the fleet, the operators, the recorder and the probes need. */
export interface Stack {
  readonly build: string;
  /**
   * Resolves when every process of it answers, and rejects with a StackError if one does not. Its database answers
   * before, so that recording can begin.
   */
  readonly ready: Promise<void>;
  /** Versions as the stack reports them, for the manifest. */
  readonly identity: Readonly<Record<string, string>>;
  /** The packages that it was installed from, with hashes, for `airflow.lock.txt`; absent where that is not known. */
  readonly lock?: string;
  /** What was changed in the packages, in this order: the text of each patch, for the folder `patches`. */
  readonly patches?: readonly { readonly name: string; readonly sha256: string; readonly text: string }[];
  /** Base URLs of the Execution API, with its `/execution` path and no trailing slash. */
  readonly executionUrls: readonly string[];
  /** Base URL of the public API, without `/api/v2`. */
  readonly publicUrl: string;
  /** A bearer token for the public API. A secret. */
  publicToken(): Promise<string>;
  /** The database under test, for the recorder and the probes. May hold a password. */
  readonly dsn: string;
  /** Where the schedulers' executors look for the harness: `unix:/path` or `tcp:127.0.0.1:port`. */
  readonly handOffAddress: string;
  /** What executors must know to connect; needed where the address is `tcp:`. */
  readonly handOffToken?: string | undefined;
  /** The folder that the dag-processor reads. */
  readonly dagsFolder: string;
  /** The name by which DAGs ask for the hand-off executor; absent where it is the first of the stack. */
  readonly executor?: string;
  /** What runs real workers of this build, which reach no database; absent where there are none. */
  readonly workers?: Command;
  /** Processes on this machine that can be measured; empty for a stack elsewhere. */
  readonly processes: readonly SupervisedProcess[];
  /** Starts a process of that name again after it ended; absent where the stack is not ours. */
  restart?(name: string): SupervisedProcess;
  /** Between a process, by its name, and PostgreSQL; absent where nothing stands between them. */
  readonly wires?: ReadonlyMap<string, Wire>;
  /** Whether every API server answers and Airflow calls itself healthy, at this moment. Takes at most 5 s. */
  healthy(): Promise<boolean>;
  readonly logs: readonly LogSource[];
  /** How many schedulers must have connected before the load begins. */
  readonly schedulers: number;
  readonly heartbeatTimeoutS: number;
  /** Put before every DAG id, so that two runs against one stack do not meet; empty for a stack of our own. */
  readonly dagNamespace: string;
  /** Whether it is used after the run: then nothing of ours may stay in its database. */
  readonly outlivesRun: boolean;
  /** Ends what was started for this run; leaves a target as it was. */
  close(): Promise<void>;
}

/** A log that the run folder keeps as rows of `server_log`. */
export interface LogSource {
  /** The process that writes it. */
  readonly source: string;
  readonly file: string;
  readonly format: 'postgres-jsonlog' | 'airflow';
  /** `end` for the log of a stack that was there before the run: what it holds already is not of this run. */
  readonly from: 'start' | 'end';
}
