import type { Socket } from 'node:net';
import type { WireRule } from '../model/wire.ts';

import { CLIENT_TYPES, Conversation, isCommit } from './conversation.ts';
import { Frames, readStartup, strings } from './frames.ts';
import { Lane } from './lane.ts';
import type { ActiveRule, RuleBook } from './rules.ts';

/** BackendKeyData, CommandComplete, ReadyForQuery. */
const SERVER_TYPES = 'KCZ';
/** ReadyForQuery's status outside a transaction. */
const IDLE = 'I'.charCodeAt(0);

type CommitRule = Extract<WireRule, { do: 'lose-commit' | 'lose-commit-answer' }>;

/** What happens to a statement before it is passed on. */
type Treatment = 'reset' | { readonly holdMs: number };

/** One client's connection and ours to the server for it. */
export class WireConnection {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #rules: RuleBook;
  readonly #toServer: Lane;
  readonly #toClient: Lane;
  readonly #clientFrames = new Frames(CLIENT_TYPES);
  readonly #serverFrames = new Frames(SERVER_TYPES);
  readonly #conversation = new Conversation();
  /** Start-up messages that are not whole yet; undefined once the start-up is over. */
  #startup: Buffer | undefined = Buffer.alloc(0);
  #isCancel = false;
  #pid = 0;
  #application = '';
  /** What matched a rule's `having` in the transaction that is open. */
  readonly #touched = new Map<ActiveRule, string>();
  /** A COMMIT under way; its answer will be lost. */
  #toLose: { readonly rule: ActiveRule; readonly statement: string } | undefined;

  /** Resolves when both sides are closed. */
  readonly closed: Promise<void>;

  constructor(client: Socket, server: Socket, rules: RuleBook) {
    this.#client = client;
    this.#server = server;
    this.#rules = rules;
    this.#toServer = new Lane(client, server);
    this.#toClient = new Lane(server, client);
    client.on('data', (chunk) => this.#guarded(() => this.#fromClient(chunk)));
    server.on('data', (chunk) => this.#guarded(() => this.#fromServer(chunk)));
    // When one side closes, what it had sent still arrives, and what was meant for it is dropped. The other is resumed:
    // a paused socket never notices its own end.
    client.on('close', () => {
      this.#toServer.end(rules.latencyMs);
      this.#toClient.close();
      server.resume();
    });
    server.on('close', () => {
      this.#toClient.end(rules.latencyMs);
      this.#toServer.close();
      client.resume();
    });
    // An error closes the socket. After one of the server the client is reset, as it would be without a proxy.
    client.on('error', () => undefined);
    server.on('error', () => this.reset());
    const gone = (socket: Socket) => new Promise<void>((resolve) => void socket.once('close', () => resolve()));
    this.closed = Promise.all([gone(client), gone(server)]).then(() => this.#giveBack());
  }

  /** The client sees its connection reset; the server sees it gone. */
  reset(): void {
    this.#giveBack();
    this.#toServer.close();
    this.#toClient.close();
    breakOff(this.#client);
    this.#server.destroy();
  }

  release(): void {
    this.#toServer.release();
    this.#toClient.release();
  }

  /** Nothing that a client sends may end the harness. */
  #guarded(action: () => void): void {
    try {
      action();
    } catch {
      this.reset(); // Not PostgreSQL's protocol.
    }
  }

  #fromClient(chunk: Buffer): void {
    if (this.#startup) this.#startUp(Buffer.concat([this.#startup, chunk]));
    else if (this.#isCancel) this.#toServer.send(chunk, this.#rules.latencyMs);
    else this.#pass(chunk);
  }

  #startUp(bytes: Buffer): void {
    this.#startup = bytes;
    const startup = readStartup(bytes);
    switch (startup.kind) {
      case 'incomplete':
        break;
      case 'foreign':
        this.reset();
        break;
      case 'encryption':
        // Refused, as by a server without certificates: encrypted statements could not be read.
        this.#client.write('N');
        this.#startUp(bytes.subarray(startup.length));
        break;
      case 'cancel':
        this.#startup = undefined;
        this.#isCancel = true;
        this.#fromClient(bytes);
        break;
      case 'session':
        this.#startup = undefined;
        this.#application = startup.parameters.get('application_name') ?? '';
        this.#toServer.send(bytes.subarray(0, startup.length), this.#rules.latencyMs);
        this.#pass(bytes.subarray(startup.length));
        break;
      default:
        throw new Error(`unknown start-up ${JSON.stringify(startup satisfies never)}`);
    }
  }

  #pass(chunk: Buffer): void {
    const { latencyMs, statementRules } = this.#rules;
    const { bytes, messages } = this.#clientFrames.push(chunk);
    let passed = 0;
    for (const { type, start, body } of messages) {
      const statement = this.#conversation.statement(type, body);
      if (statement === undefined || statementRules.length === 0) continue;
      const treatment = this.#treat(statement);
      if (treatment !== 'reset' && treatment.holdMs === 0) continue;
      this.#toServer.send(bytes.subarray(passed, start), latencyMs);
      passed = start;
      if (treatment === 'reset') {
        this.reset();
        return;
      }
      this.#toServer.hold(treatment.holdMs);
    }
    this.#toServer.send(bytes.subarray(passed), latencyMs);
  }

  /** Asks every rule, in their order, and counts what it grants. */
  #treat(statement: string): Treatment {
    let holdMs = 0;
    const commit = isCommit(statement);
    for (const active of this.#rules.statementRules) {
      const { rule } = active;
      switch (rule.do) {
        case 'delay':
        case 'cut':
          if (!rule.statement.test(statement) || !active.grant()) break;
          this.#report(active, statement);
          if (rule.do === 'cut') return 'reset';
          holdMs += rule.ms;
          break;
        case 'lose-commit':
        case 'lose-commit-answer':
          if (!commit && rule.having?.test(statement)) this.#touched.set(active, statement);
          if (commit && this.#treatCommit(active, rule, statement) === 'reset') return 'reset';
          break;
        case 'latency':
          break;
        default:
          throw new Error(`unknown rule ${JSON.stringify(rule satisfies never)}`);
      }
    }
    return { holdMs };
  }

  #treatCommit(active: ActiveRule, rule: CommitRule, commit: string): 'reset' | undefined {
    const statement = rule.having ? this.#touched.get(active) : commit;
    if (statement === undefined) return undefined;
    if (rule.do === 'lose-commit') {
      if (!active.grant()) return undefined;
      this.#report(active, statement);
      return 'reset';
    }
    // Reported when the answer comes: only that says that there was something to commit.
    if (!this.#toLose && active.grant()) this.#toLose = { rule: active, statement };
    return undefined;
  }

  #fromServer(chunk: Buffer): void {
    const { latencyMs } = this.#rules;
    const { bytes, messages } = this.#serverFrames.push(chunk);
    for (const { type, start, body } of messages) {
      if (type === 'K') this.#pid = body.readInt32BE(0);
      else if (type === 'Z') this.#ready(body[0] === IDLE);
      else if (this.#isLost(body)) {
        this.#toClient.send(bytes.subarray(0, start), latencyMs);
        this.reset();
        return;
      }
    }
    this.#toClient.send(bytes, latencyMs);
  }

  /** Whether this CommandComplete answers the COMMIT of `#toLose`; the answer of a failed COMMIT says ROLLBACK. */
  #isLost(body: Buffer): boolean {
    if (!this.#toLose?.rule.live || strings(body, 1)[0] !== 'COMMIT') return false;
    this.#report(this.#toLose.rule, this.#toLose.statement);
    this.#toLose = undefined;
    return true;
  }

  #ready(idle: boolean): void {
    this.#giveBack();
    if (idle) this.#touched.clear();
  }

  /** Refused, rolled back, or the connection ended otherwise: no hit after all. */
  #giveBack(): void {
    this.#toLose?.rule.giveBack();
    this.#toLose = undefined;
  }

  #report(rule: ActiveRule, statement: string): void {
    rule.report({ pid: this.#pid, application: this.#application, statement });
  }
}

/**
 * A reset, as from a network or a load balancer. Node cannot reset a socket that is being shut down (it would never
 * close) or has unsent data (it would wait): those are only closed.
 */
function breakOff(socket: Socket): void {
  if (socket.destroyed || socket.writableEnded || socket.writableLength > 0) socket.destroy();
  else socket.resetAndDestroy();
}
