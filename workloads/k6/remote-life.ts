import type { StartedClock } from '../../harness/model/clock.ts';
import type { LifeEnd, Operation } from '../../harness/model/operation.ts';
import { CancelSource } from '../../harness/worker/cancel.ts';
import { Hazards } from '../../harness/worker/hazards.ts';
import { RunningLife } from '../../harness/worker/life.ts';
import { generatorsOf } from '../../harness/worker/life-spec.ts';
import type { Lease, OperationReport, ProgressReply, ProgressReport } from '../../harness/worker/remote.ts';
import type { RemoteClock } from '../../harness/worker/remote-clock.ts';
import { type OperationLog, Requests } from '../../harness/worker/requests.ts';
import { askHarness } from './harness.ts';
import { K6Transport } from './transport.ts';

/** A life that is played here for the harness, which gets progress reports of it. */
export class RemoteLife {
  readonly #lease: Lease;
  readonly #clock: StartedClock;
  /** The same while it is learnt: each report is a reading. */
  readonly #learnt: RemoteClock;
  readonly #process: string;
  readonly #operationLog: UnreportedRequests;
  readonly #hazards = new Hazards();
  readonly #cancel = new CancelSource();
  readonly #timers: ReturnType<typeof setTimeout>[] = [];
  #startedMs: number | undefined;
  #leaving = false;
  #lastReport: Promise<unknown> = Promise.resolve();
  #knowsItsEnd = false;

  /** `process`: the name of this k6. */
  constructor(lease: Lease, clock: RemoteClock, process: string) {
    this.#lease = lease;
    this.#learnt = clock;
    this.#process = process;
    this.#clock = clock.asKnown(lease.startedAt);
    this.#operationLog = new UnreportedRequests(`${lease.correlation}-${lease.spec.life}`);
  }

  async play(): Promise<void> {
    const { spec, url, reportMs, endsMs } = this.#lease;
    const generators = generatorsOf(spec);
    const leasedMs = this.#clock.now();
    this.#openWindows();
    this.#reportEvery(reportMs);
    this.#endAt(endsMs);
    const end = await new RunningLife({
      spec,
      requests: new Requests({
        transport: new K6Transport(url, spec),
        attempts: spec.fleet.retries,
        honoursRetryAfter: spec.fleet.honours_retry_after,
        headers: spec.client.headers,
        clock: this.#clock,
        operationLog: this.#operationLog,
      }),
      clock: this.#clock,
      rng: generators.own,
      hazards: this.#hazards.of(spec.life, generators.hazards),
      hooks: {
        // It was not when the lease was given.
        isRevoked: async () => this.#clock.now() - leasedMs > reportMs / 10 && (await this.#report()).revoked,
        onStarted: (atMs) => {
          this.#startedMs = atMs;
          void this.#report();
        },
        onLeaving: async () => {
          this.#leaving = true;
          await this.#report();
        },
        cancel: this.#cancel,
      },
    }).play();
    // A timer that came with one more answer would keep the VU.
    this.#knowsItsEnd = true;
    for (const timer of this.#timers) clearTimeout(timer);
    await this.#report(end);
  }

  /** Those that open while it lives, and those that are open already. */
  #openWindows(): void {
    const now = this.#clock.now();
    for (const { hazard, opensMs, closesMs } of this.#lease.windows) {
      // A thundering herd is of its first moment: a life that starts later is not in it.
      if (opensMs < now && hazard.misbehaviour.startsWith('herd_')) continue;
      const open = () => {
        this.#timers.push(setTimeout(this.#hazards.open(hazard), closesMs - this.#clock.now()));
      };
      if (opensMs <= now) open();
      else this.#timers.push(setTimeout(open, opensMs - now));
    }
  }

  /** With the run, not with the first report after it. */
  #endAt(endsMs: number | null): void {
    if (endsMs === null || this.#knowsItsEnd) return;
    this.#knowsItsEnd = true;
    this.#timers.push(setTimeout(() => this.#cancel.cancel(), endsMs - this.#clock.now()));
  }

  #reportEvery(ms: number): void {
    this.#timers.push(
      setTimeout(() => {
        void this.#report();
        this.#reportEvery(ms);
      }, ms),
    );
  }

  /** One report at a time: the next holds what the last could not deliver. */
  #report(end?: LifeEnd): Promise<Pick<ProgressReply, 'revoked'>> {
    const report = this.#lastReport.then(() => this.#send(end));
    this.#lastReport = report;
    return report;
  }

  async #send(end: LifeEnd | undefined): Promise<Pick<ProgressReply, 'revoked'>> {
    const reading = this.#learnt.takeBest();
    const report: ProgressReport = {
      process: this.#process,
      ...(reading ? { reading } : {}),
      operations: this.#operationLog.unreported.splice(0),
      sent: this.#operationLog.sends,
      hits: this.#hazards.takeHits(),
      ...(this.#startedMs === undefined ? {} : { startedMs: this.#startedMs }),
      ...(this.#leaving ? { leaving: true } : {}),
      ...(end === undefined ? {} : { end }),
    };
    for (let tries = 1; ; tries++) {
      const answered = this.#learnt.exchange();
      const { status, body } = await askHarness(`/leases/${this.#lease.lease}`, report);
      if (status === 200) {
        const reply = JSON.parse(body) as ProgressReply;
        answered(reply, this.#lease.startedAt);
        if (reply.cancelled) this.#cancel.cancel();
        this.#endAt(reply.endsMs);
        return reply;
      }
      // The lease has expired, or the harness has gone: nothing more is to be sent in its name.
      if (status !== 0 || tries === 3) {
        this.#cancel.cancel();
        return { revoked: false };
      }
    }
  }
}

/** Numbers the life's own requests and keeps their rows until the next report. */
class UnreportedRequests implements OperationLog {
  readonly correlation: string;
  readonly unreported: OperationReport[] = [];
  sends = 0;
  #next = 1;

  constructor(correlation: string) {
    this.correlation = correlation;
  }

  takeNumber(): number {
    return this.#next++;
  }

  sent(): void {
    this.sends++;
  }

  recordOperation(row: Operation, status: number | null): void {
    this.unreported.push([row, status]);
  }
}
