import { setTimeout as sleep } from 'node:timers/promises';

import pg from 'pg';
import { LogicalReplicationService, type Pgoutput, PgoutputPlugin } from 'pg-logical-replication';

import { messageOf, StackError } from '../model/errors.ts';
import { databaseError, withClient } from '../system/postgres-client.ts';

const ACKNOWLEDGE_EVERY_MS = 1_000;
/** Each acknowledgement asks for an answer. After so many without any message the server or the way to it is gone. */
const SILENT_MAX = 20;
/**
 * For the server's side of the stream: it ends one that is silent, which frees the slot; and while it reads through a
 * transaction of which nothing is for us it says that it is there twice as often.
 */
const SETTINGS = '-c wal_sender_timeout=30s';
/** A server accepts a stream at once. */
const START_MS = 10_000;
const RETRY_MS = 200;
/** A database that is away for longer than this does not come back within a run. */
const AWAY_MS = 60_000;
const CLOSE_MS = 2_000;
const IN_USE = '55006';
/** The slot is gone (undefined object), or cannot be read any more: another try would not help. */
const PERMANENT = new Set(['42704', '55000', '28000', '28P01', '3D000']);

export interface SlotReaderOptions {
  readonly dsn: string;
  readonly slot: string;
  readonly publication: string;
  onMessage(message: Pgoutput.Message): void;
  /** Resolves when all that was given to `onMessage` is on disk: only then may the server forget it. */
  written(): Promise<void>;
  onFailure(error: Error): void;
  /** The stream has been silent for so many seconds; it is opened again. */
  onSilence?(seconds: number): void;
  /** In place of `SILENT_MAX`: seconds. */
  readonly silentMax?: number;
}

/** An open replication stream. */
interface Stream {
  /** Resolves when it has ended, for any reason. */
  readonly ended: Promise<unknown>;
}

/**
 * Reads a replication slot, and connects again when the connection breaks. The slot lives in the database, across its
 * restarts: what was not acknowledged is sent again then, transaction by transaction, and `onMessage` has to skip it.
 */
export class SlotReader {
  readonly #options: SlotReaderOptions;
  #service: LogicalReplicationService | undefined;
  #following: Promise<void> = Promise.resolve();
  #closed = false;
  /** Up to here, everything that was sent has been handed on. */
  #seen = 0n;
  #inTransaction = false;
  /** Acknowledgements since the last message. Time would not do: after a pause of this process all timers are due. */
  #unanswered = 0;

  constructor(options: SlotReaderOptions) {
    this.#options = options;
  }

  /** Resolves when the stream is open. Rejects if the first try fails. */
  async start(): Promise<void> {
    this.#following = this.#follow(await this.#subscribe());
  }

  /** Never rejects: a broken connection may never report that it has closed. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#drop();
    await Promise.race([this.#following, sleep(CLOSE_MS, undefined, { ref: false })]);
  }

  async #follow(first: Stream): Promise<void> {
    const acknowledging = setInterval(() => this.#tick(), ACKNOWLEDGE_EVERY_MS);
    acknowledging.unref();
    try {
      for (let stream: Stream | undefined = first; stream; stream = await this.#again()) {
        await stream.ended;
        await this.#drop();
      }
    } catch (error) {
      if (this.#closed) return;
      const reason = messageOf(databaseError(error, { connectMs: START_MS }));
      this.#options.onFailure(new StackError(`The commit stream broke: ${reason}.`, { cause: error }));
    } finally {
      clearInterval(acknowledging);
    }
  }

  #tick(): void {
    const { silentMax = SILENT_MAX, onSilence } = this.#options;
    if (this.#service && ++this.#unanswered > silentMax) {
      onSilence?.(silentMax);
      void this.#drop();
    } else void this.#acknowledge();
  }

  /** Undefined if the reader was closed. Rejects when another try would not help. */
  async #again(): Promise<Stream | undefined> {
    for (const deadline = performance.now() + AWAY_MS; !this.#closed; ) {
      try {
        return await this.#subscribe();
      } catch (error) {
        const permanent = error instanceof pg.DatabaseError && PERMANENT.has(error.code ?? '');
        if (permanent || performance.now() > deadline) throw error;
        await this.#drop();
        if (error instanceof pg.DatabaseError && error.code === IN_USE) await this.#endOldStream();
        await sleep(RETRY_MS);
      }
    }
    return undefined;
  }

  /** The server still sends on the connection that we gave up: it has not noticed. Never rejects. */
  async #endOldStream(): Promise<void> {
    const { dsn, slot } = this.#options;
    const sql = 'SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1';
    await withClient(dsn, (client) => client.query(sql, [slot]), { queryMs: START_MS }).catch(() => undefined);
  }

  /** Resolves when the stream is open. */
  async #subscribe(): Promise<Stream> {
    const { dsn, slot, publication } = this.#options;
    const service = new LogicalReplicationService(
      {
        connectionString: dsn,
        application_name: 'wt-harness-commits',
        connectionTimeoutMillis: START_MS,
        keepAlive: true,
        options: SETTINGS,
      },
      { acknowledge: { auto: false, timeoutSeconds: 0 } },
    );
    this.#service = service;
    this.#inTransaction = false;
    this.#unanswered = 0;
    service.on('data', (_lsn, message: Pgoutput.Message) => this.#take(message));
    service.on('heartbeat', (lsn: string, _at: number, answer: boolean) => this.#heartbeat(lsn, answer));
    let ended: Promise<unknown> = Promise.resolve();
    let late: NodeJS.Timeout | undefined;
    const started = new Promise<void>((resolve, reject) => {
      // Connecting has a limit of its own.
      late = setTimeout(() => reject(new Error('the server did not begin to send')), 2 * START_MS);
      service.on('start', () => resolve());
      const broken = new Promise<void>((end) => {
        service.on('error', (error) => {
          reject(error);
          end();
        });
      });
      const plugin = new PgoutputPlugin({ protoVersion: 1, publicationNames: [publication], messages: true });
      // 'error' gives the reason; a server that shuts down ends the stream without one.
      const stream = service.subscribe(plugin, slot).then(
        () => reject(new Error('the server ended the stream')),
        (error: unknown) => reject(error),
      );
      ended = Promise.race([stream, broken]);
    });
    await started.finally(() => clearTimeout(late));
    return { ended };
  }

  #take(message: Pgoutput.Message): void {
    this.#unanswered = 0;
    if (message.tag === 'begin') this.#inTransaction = true;
    this.#options.onMessage(message);
    if (message.tag !== 'commit') return;
    this.#inTransaction = false;
    this.#advance(message.commitEndLsn);
  }

  /** The server has read its log up to there and found nothing more for us. It asks before it shuts down, too. */
  #heartbeat(lsn: string, answer: boolean): void {
    this.#unanswered = 0;
    if (!this.#inTransaction) this.#advance(lsn);
    // It asks once and waits for the answer: a shutdown waits for ours.
    if (answer) void this.#acknowledge();
  }

  #advance(lsn: string | null): void {
    const position = lsnOf(lsn);
    if (position > this.#seen) this.#seen = position;
  }

  /**
   * Exactly so far: a server that shuts down waits until its position and ours are the same. It is asked for an answer,
   * so that silence means something.
   */
  async #acknowledge(): Promise<void> {
    const [service, seen] = [this.#service, this.#seen];
    if (!service || seen === 0n) return;
    await this.#options.written();
    // The library adds one to what it is given.
    await service.acknowledge(textOf(seen - 1n), true).catch(() => undefined); // The connection has gone: see #follow.
  }

  async #drop(): Promise<void> {
    const service = this.#service;
    this.#service = undefined;
    if (!service) return;
    const destroyed = service.destroy().catch(() => undefined); // It was broken already.
    await Promise.race([destroyed, sleep(CLOSE_MS, undefined, { ref: false })]);
  }
}

/** `16/B374D848` as one number, to be compared. */
export function lsnOf(text: string | null): bigint {
  const [high = '0', low = '0'] = (text ?? '').split('/');
  return (BigInt(`0x${high || '0'}`) << 32n) | BigInt(`0x${low || '0'}`);
}

function textOf(lsn: bigint): string {
  return `${(lsn >> 32n).toString(16)}/${(lsn & 0xffffffffn).toString(16)}`;
}
