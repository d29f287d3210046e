import type { Socket } from 'node:net';
import type { WireRule } from '../model/wire.ts';

import { Answers, errorResponse, IDLE } from './answers.ts';
import { CLIENT_TYPES, Conversation, canFail, isCommit, SYNC } from './conversation.ts';
import { endOf, Frames, type Message, readStartup, strings } from './frames.ts';
import { Lane } from './lane.ts';
import type { ActiveRule, RuleBook } from './rules.ts';

/** BackendKeyData, CommandComplete, ErrorResponse, ReadyForQuery. */
const SERVER_TYPES = 'KCEZ';

type CommitRule = Extract<WireRule, { do: 'lose-commit' | 'lose-commit-answer' }>;
type AnswerRule = Extract<WireRule, { do: 'answer' }>;

/** What happens to a statement before it is passed on, and whether it is. */
type Treatment = 'reset' | { readonly holdMs: number; readonly answer?: { active: ActiveRule; rule: AnswerRule } };
const PASS: Treatment = { holdMs: 0 };
const NOTHING = Buffer.alloc(0);

/** One client's connection and ours to the server for it. */
export class WireConnection {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #rules: RuleBook;
  readonly #toServer: Lane;
  readonly #toClient: Lane;
  readonly #clientFrames = new Frames(CLIENT_TYPES + SYNC);
  readonly #serverFrames = new Frames(SERVER_TYPES);
  readonly #conversation = new Conversation();
  readonly #answers = new Answers();
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

  /** No transaction is open and no statement under way. */
  get idle(): boolean {
    return this.#startup === undefined && !this.#isCancel && this.#answers.idle;
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
        if (this.#refused()) break;
        this.#toServer.send(bytes.subarray(0, startup.length), this.#rules.latencyMs);
        this.#pass(bytes.subarray(startup.length));
        break;
      default:
        throw new Error(`unknown start-up ${JSON.stringify(startup satisfies never)}`);
    }
  }

  /** Whether a rule turned this session away, as a server does that has no room for it. */
  #refused(): boolean {
    const active = this.#rules.sessionRules.find((one) => one.grant());
    if (active?.rule.do !== 'refuse') return false;
    this.#report(active, '');
    this.#client.end(errorResponse(active.rule.error, 'FATAL'));
    this.#server.destroy();
    return true;
  }

  #pass(chunk: Buffer): void {
    const { latencyMs } = this.#rules;
    const { bytes, messages } = this.#clientFrames.push(chunk);
    let passed = 0;
    const passUntil = (end: number) => {
      this.#toServer.send(bytes.subarray(passed, end), latencyMs);
      passed = end;
    };
    for (const message of messages) {
      const { type, start, body } = message;
      const statement = type === SYNC ? undefined : this.#conversation.statement(type, body);
      const treatment = statement === undefined ? PASS : this.#treat(statement);
      if (treatment === 'reset') {
        passUntil(start);
        this.reset();
        return;
      }
      if (treatment.holdMs > 0) {
        passUntil(start);
        this.#toServer.hold(treatment.holdMs);
      }
      if (statement !== undefined && treatment.answer) {
        passUntil(start);
        passed = endOf(message);
        this.#toServer.send(this.#answer(type, statement, treatment.answer), latencyMs);
      }
      if (statement !== undefined) this.#answers.passes();
      const next = type === 'Q' || type === SYNC ? this.#answers.batchSent() : undefined;
      if (next) {
        passUntil(endOf(message));
        this.#toServer.send(next, latencyMs);
      }
    }
    passUntil(bytes.length);
  }

  #answer(type: string, statement: string, { active, rule }: { active: ActiveRule; rule: AnswerRule }): Buffer {
    return this.#answers.answer(type, {
      rule: active,
      error: rule.error,
      statement: this.#touched.get(active) ?? statement,
      isCommit: isCommit(statement),
    });
  }

  /** Asks every rule, in their order, and counts what it grants. */
  #treat(statement: string): Treatment {
    if (this.#rules.statementRules.length === 0) return PASS;
    let holdMs = 0;
    let answer: Exclude<Treatment, 'reset'>['answer'];
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
        case 'answer':
          if (!answer && this.#isToAnswer(active, rule, statement) && active.grant()) answer = { active, rule };
          if (!commit && rule.having?.test(statement)) this.#touched.set(active, statement);
          break;
        case 'refuse':
        case 'latency':
          break;
        default:
          throw new Error(`unknown rule ${JSON.stringify(rule satisfies never)}`);
      }
    }
    return { holdMs, ...(answer ? { answer } : {}) };
  }

  #isToAnswer(active: ActiveRule, { statement, having }: AnswerRule, sent: string): boolean {
    if (!statement.test(sent) || (having && !this.#touched.has(active))) return false;
    return isCommit(sent) ? this.#answers.canCommitFail : canFail(sent);
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
    let passed = 0;
    /** Passes on what came before the message, and then `instead` of it. */
    const replace = (message: Message, instead: Buffer) => {
      this.#toClient.send(bytes.subarray(passed, message.start), latencyMs);
      passed = endOf(message);
      this.#toClient.send(instead, latencyMs);
    };
    for (const message of messages) {
      const { type, start, body } = message;
      if (type === 'K') this.#pid = body.readInt32BE(0);
      else if (type === 'E') {
        const ours = this.#answers.inPlaceOf(body);
        if (!ours) continue;
        this.#report(ours.rule, ours.statement);
        replace(message, errorResponse(ours.error, 'ERROR'));
      } else if (type === 'Z') {
        if (this.#ready(body[0])) replace(message, NOTHING);
      } else if (this.#answers.dropsComplete) {
        replace(message, NOTHING);
      } else if (this.#isLost(body)) {
        this.#toClient.send(bytes.subarray(passed, start), latencyMs);
        this.reset();
        return;
      }
    }
    this.#toClient.send(bytes.subarray(passed), latencyMs);
  }

  /** Whether this CommandComplete answers the COMMIT of `#toLose`; the answer of a failed COMMIT says ROLLBACK. */
  #isLost(body: Buffer): boolean {
    if (!this.#toLose?.rule.live || strings(body, 1)[0] !== 'COMMIT') return false;
    this.#report(this.#toLose.rule, this.#toLose.statement);
    this.#toLose = undefined;
    return true;
  }

  /** Returns whether the client does not see this ReadyForQuery. */
  #ready(status: number | undefined): boolean {
    this.#forgetLost();
    const { drop, givenBack } = this.#answers.ready(status);
    for (const rule of givenBack) rule.giveBack();
    if (status === IDLE) this.#touched.clear();
    return drop;
  }

  /** Refused, rolled back, or the connection ended otherwise: no hit after all. */
  #giveBack(): void {
    this.#forgetLost();
    for (const rule of this.#answers.drain()) rule.giveBack();
  }

  #forgetLost(): void {
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
