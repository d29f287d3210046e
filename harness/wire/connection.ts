import type { Socket } from 'node:net';

import { Answers, errorResponse, IDLE } from './answers.ts';
import { breakOff } from './break-off.ts';
import type { Catalogue } from './catalogue.ts';
import { Collector } from './collector.ts';
import { CLIENT_TYPES, Conversation, DESCRIBE, isCommit, SYNC } from './conversation.ts';
import { endOf, Frames, type Message, readStartup } from './frames.ts';
import { Holds } from './holds.ts';
import { Lane } from './lane.ts';
import type { ActiveRule, RuleBook } from './rules.ts';
import { type AnswerRule, PASS, Treatments } from './treatment.ts';
import { type Packet, timesOf, WATCHED_TYPES, Watch } from './watch.ts';

/** BackendKeyData, CommandComplete, ErrorResponse, ReadyForQuery. */
const SERVER_TYPES = 'KCEZ';

const NOTHING = Buffer.alloc(0);

export interface WireSite {
  readonly rules: RuleBook;
  readonly process: string;
  readonly catalogue: Catalogue;
}

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
  readonly #treatments: Treatments;
  readonly #holds = new Holds();
  readonly #catalogue: Catalogue;
  readonly #process: string;
  #watch: Watch | undefined;
  readonly #collector: Collector;

  /** Resolves when both sides are closed. */
  readonly closed: Promise<void>;

  constructor(client: Socket, server: Socket, { rules, process, catalogue }: WireSite) {
    this.#client = client;
    this.#server = server;
    this.#rules = rules;
    this.#process = process;
    this.#catalogue = catalogue;
    this.#treatments = new Treatments(rules, this.#answers, (rule, statement) => this.#report(rule, statement));
    this.#toServer = new Lane(client, server);
    this.#toClient = new Lane(server, client);
    const site = { rules, treatments: this.#treatments, holds: this.#holds, lane: this.#toClient };
    this.#collector = new Collector(site);
    client.on('data', (chunk) => this.#guarded(() => this.#fromClient(chunk)));
    server.on('data', (chunk) => this.#guarded(() => this.#fromServer(chunk)));
    // When one side closes, what it had sent still arrives, and what was meant for it is dropped. The other is resumed:
    // a paused socket never notices its own end.
    client.on('close', () => {
      this.#letGo('gone');
      this.#toServer.end(rules.latencyMs);
      this.#toClient.close();
      server.resume();
    });
    server.on('close', () => {
      this.#letGo('gone');
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
    // First, or what is held would still arrive.
    this.#toServer.close();
    this.#toClient.close();
    this.#giveBack();
    breakOff(this.#client);
    this.#server.destroy();
  }

  /** Lets go what a rule holds, and all that is late. */
  release(by: ActiveRule): void {
    this.#holds.letGo('removed', by);
    this.#toServer.release();
    this.#toClient.release();
  }

  /** Lets go what any rule holds. */
  letGo(): void {
    this.#letGo('removed');
  }

  #letGo(why: 'removed' | 'gone'): void {
    this.#holds.letGo(why);
    this.#collector.letGo();
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

  /** Made when it is asked for first: then some packets may be under way already. */
  #watching(): Watch | undefined {
    if (this.#watch || !this.#rules.isWatching) return this.#watch;
    this.#clientFrames.want(DESCRIBE);
    this.#serverFrames.want(WATCHED_TYPES);
    const origin = () => ({ process: this.#process, pid: this.#pid, application: this.#application });
    this.#watch = new Watch(origin, this.#conversation, this.#catalogue, this.#answers.underWay);
    return this.#watch;
  }

  #pass(chunk: Buffer): void {
    const { latencyMs } = this.#rules;
    const watch = this.#watching();
    const { bytes, messages } = this.#clientFrames.push(chunk);
    let passed = 0;
    const passUntil = (end: number) => {
      this.#toServer.send(bytes.subarray(passed, end), latencyMs);
      passed = end;
    };
    for (const message of messages) {
      const { type, start, body } = message;
      if (type === DESCRIBE) {
        watch?.describe(body);
        continue;
      }
      const statement = type === SYNC ? undefined : this.#conversation.statement(type, body);
      const seen = statement === undefined ? undefined : watch?.sent(type, statement);
      const treatment = statement === undefined ? PASS : this.#treatments.treat(statement, seen ?? []);
      if (treatment === 'reset') {
        passUntil(start);
        this.reset();
        return;
      }
      if (treatment.holdMs > 0) {
        passUntil(start);
        this.#toServer.hold(treatment.holdMs);
      }
      if (watch && treatment.held) {
        passUntil(start);
        const gate = this.#toServer.shut();
        const packet = watch.sending;
        this.#holds.hold(treatment.held, () => {
          packet.sentAt = performance.now();
          gate.open();
        });
      }
      if (statement !== undefined && treatment.answer) {
        passUntil(start);
        passed = endOf(message);
        this.#toServer.send(this.#answer(type, statement, treatment.answer), latencyMs);
      }
      if (statement !== undefined) this.#answers.passes();
      if (type !== 'Q' && type !== SYNC) continue;
      watch?.batchSent(performance.now());
      const next = this.#answers.batchSent();
      if (next) {
        watch?.batchSent(performance.now());
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
      statement: this.#treatments.subjectOf(active, statement),
      isCommit: isCommit(statement),
    });
  }

  #fromServer(chunk: Buffer): void {
    const { latencyMs } = this.#rules;
    const watch = this.#startup ? undefined : this.#watching();
    const { bytes, messages } = this.#serverFrames.push(chunk);
    let passed = 0;
    const passUntil = (end: number) => {
      this.#toClient.send(bytes.subarray(passed, end), latencyMs);
      passed = end;
    };
    /** Passes on what came before the message, and then `instead` of it. */
    const replace = (message: Message, instead: Buffer) => {
      passUntil(message.start);
      passed = endOf(message);
      this.#toClient.send(instead, latencyMs);
    };
    this.#collector.begin(watch?.underWay);
    for (const message of messages) {
      const { type, body } = message;
      if (type === 'K') this.#pid = body.readInt32BE(0);
      else if (type === 'E') {
        const ours = this.#answers.inPlaceOf(body);
        watch?.received(type, body, ours?.error.sqlstate);
        if (!ours) continue;
        this.#report(ours.rule, ours.statement);
        replace(message, errorResponse(ours.error, 'ERROR'));
      } else if (type === 'Z') {
        if (this.#ready(body[0])) replace(message, NOTHING);
        if (!watch) continue;
        passUntil(endOf(message));
        const packet = watch.ready(body[0]);
        this.#collector.end(packet);
        if (packet) this.#show(packet, performance.now());
        this.#collector.begin(watch.underWay);
      } else if (type === 'C') {
        watch?.received(type, body);
        if (this.#answers.dropsComplete) replace(message, NOTHING);
        else if (this.#treatments.isLost(body)) {
          passUntil(message.start);
          this.reset();
          return;
        }
      } else watch?.received(type, body);
    }
    passUntil(bytes.length);
    this.#collector.check(watch?.underWay);
  }

  #show(packet: Packet, answered: number | undefined): void {
    for (const listener of this.#rules.listeners)
      for (const seen of packet.statements) listener(seen, timesOf(packet, answered));
  }

  /** Returns whether the client does not see this ReadyForQuery. */
  #ready(status: number | undefined): boolean {
    this.#treatments.forgetLost();
    const { drop, givenBack } = this.#answers.ready(status);
    for (const rule of givenBack) rule.giveBack();
    if (status === IDLE) this.#treatments.transactionEnds();
    return drop;
  }

  /** Refused, rolled back, or the connection ended otherwise: no hit after all. */
  #giveBack(): void {
    this.#letGo('gone');
    this.#treatments.forgetLost();
    for (const rule of this.#answers.drain()) rule.giveBack();
    for (const packet of this.#watch?.drain() ?? []) this.#show(packet, undefined);
  }

  #report(rule: ActiveRule, statement: string): void {
    rule.report({ pid: this.#pid, application: this.#application, statement });
  }
}
